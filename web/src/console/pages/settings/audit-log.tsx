import { Button } from "@mantine/core";
import { ScrollTextIcon } from "lucide-react";
import { useSearchParams } from "react-router";
import panel from "../../parts/panel.module.css";
import { Empty, LoadProblem, More, SkeletonRows } from "../../parts/states";
import { AuditCheck } from "./audit-check";
import { AuditFilters } from "./audit-filters";
import { AuditRow } from "./audit-row";
import { readAsked, toAuditFilters, writeAsked } from "./audit-asked";
import { useAuditLog, useNames } from "./queries";

const NOBODY: ReadonlyMap<string, string> = new Map();

/** Who did what, newest first. What was asked for stands in the address. */
export function AuditLog() {
  const [address, setAddress] = useSearchParams();
  const asked = readAsked(address);
  const list = useAuditLog(toAuditFilters(asked));
  const names = useNames().data ?? NOBODY;
  const entries = list.data?.pages.flatMap((page) => page.entries);
  return (
    <>
      <AuditCheck />
      <AuditFilters
        asked={asked}
        names={names}
        ask={(change) => setAddress((before) => writeAsked({ ...readAsked(before), ...change }), { replace: true })}
      />
      {list.isPending && <SkeletonRows />}
      {list.isError && !entries && (
        <LoadProblem title="The audit log could not be loaded" error={list.error} retry={list.refetch} />
      )}
      {entries?.length === 0 && (
        <Empty icon={ScrollTextIcon} title="No entry is like that">
          <p>Everything that staff and machines do stands here. Take a filter away to see more.</p>
          <Button variant="default" size="xs" onClick={() => setAddress({})}>
            Show everything
          </Button>
        </Empty>
      )}
      {entries && entries.length > 0 && (
        <ul className={panel.rows} aria-label="Entries" aria-busy={list.isPlaceholderData}>
          {entries.map((entry) => (
            <AuditRow key={entry.seq} entry={entry} names={names} />
          ))}
        </ul>
      )}
      <More list={list} />
    </>
  );
}
