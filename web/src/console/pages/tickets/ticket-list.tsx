import { Button, Skeleton, Text } from "@mantine/core";
import { useIntersection } from "@mantine/hooks";
import { useEffect, useRef } from "react";
import { describeProblem } from "../../api/problems";
import { countFilters, NO_FILTERS, VIEWS, type Filters } from "./filters";
import { useNow } from "./now";
import type { useTicketList } from "./queries";
import { TicketLine } from "./ticket-line";
import type { TicketRow } from "./types";
import styles from "./list.module.css";

interface TicketListProps {
  list: ReturnType<typeof useTicketList>;
  rows: readonly TicketRow[];
  filters: Filters;
  openRef: string | null;
  onChange(change: Partial<Filters>): void;
  /** Somebody seems to be about to open this ticket. */
  onLook(ref: string): void;
}

export function TicketList({ list, rows, filters, openRef, onChange, onLook }: TicketListProps) {
  const now = useNow();
  const box = useRef<HTMLElement>(null);
  useKeepInSight(box, openRef);
  return (
    <section ref={box} className={styles.list} aria-label="Tickets" aria-busy={list.isPlaceholderData}>
      {list.isPending && <Waiting />}
      {list.isError && rows.length === 0 && (
        <ListMessage text={`The tickets could not be loaded. ${describeProblem(list.error)}`}>
          <Button size="xs" variant="default" onClick={() => void list.refetch()}>
            Try again
          </Button>
        </ListMessage>
      )}
      {list.isSuccess && rows.length === 0 && <Empty filters={filters} onChange={onChange} />}
      <ul className={styles.rows}>
        {rows.map((row) => (
          <TicketLine key={row.ticket_ref} row={row} now={now} isOpen={row.ticket_ref === openRef} onLook={onLook} />
        ))}
      </ul>
      {list.hasNextPage && <More list={list} />}
    </section>
  );
}

/** Asks for the next page before the end of this one is reached. */
function More({ list }: Pick<TicketListProps, "list">) {
  const { ref, entry } = useIntersection<HTMLDivElement>({ rootMargin: "600px" });
  const isNear = entry?.isIntersecting ?? false;
  const { isFetching, isFetchNextPageError, fetchNextPage } = list;
  useEffect(() => {
    if (isNear && !isFetching && !isFetchNextPageError) void fetchNextPage();
  }, [isNear, isFetching, isFetchNextPageError, fetchNextPage]);
  return (
    <div ref={ref} className={styles.more}>
      {isFetchNextPageError ? (
        <Button size="xs" variant="default" onClick={() => void fetchNextPage()}>
          Load more tickets
        </Button>
      ) : (
        <Skeleton height={14} width="60%" />
      )}
    </div>
  );
}

function Empty({ filters, onChange }: Pick<TicketListProps, "filters" | "onChange">) {
  const isNarrowed = filters.words !== "" || countFilters(filters) > 0;
  if (!isNarrowed) return <ListMessage text={VIEWS[filters.view].empty} />;
  return (
    <ListMessage text="No ticket matches. Try fewer words or fewer filters.">
      <Button size="xs" variant="default" onClick={() => onChange({ ...NO_FILTERS, words: "" })}>
        Clear search and filters
      </Button>
    </ListMessage>
  );
}

function ListMessage({ text, children }: { text: string; children?: React.ReactNode }) {
  return (
    <div className={styles.message} role="status">
      <Text size="sm" c="dimmed">
        {text}
      </Text>
      {children}
    </div>
  );
}

function Waiting() {
  return (
    <div className={styles.waiting} role="status" aria-label="Loading the tickets">
      {Array.from({ length: 8 }, (_, index) => (
        <div key={index}>
          <Skeleton height={12} width="45%" />
          <Skeleton height={12} width="85%" />
          <Skeleton height={10} width="70%" />
        </div>
      ))}
    </div>
  );
}

/** The open ticket's line is in sight, wherever the keyboard went. */
function useKeepInSight(box: React.RefObject<HTMLElement | null>, openRef: string | null): void {
  useEffect(() => {
    if (openRef !== null) box.current?.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
  }, [box, openRef]);
}
