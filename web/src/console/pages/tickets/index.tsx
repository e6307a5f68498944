import { useMemo } from "react";
import { Route, Routes, useParams, useSearchParams } from "react-router";
import { Page } from "../../shell/page";
import { readFilters, toQuery, writeFilters, type Filters } from "./filters";
import { ListTools } from "./list-tools";
import { Nothing } from "./nothing";
import { useTicketList } from "./queries";
import { TicketList } from "./ticket-list";
import { TicketView } from "./ticket-view";
import { useWalk } from "./use-walk";
import { Views } from "./views";
import styles from "./layout.module.css";

export default function Tickets() {
  return (
    <Routes>
      <Route path=":ref?" element={<Inbox />} />
    </Routes>
  );
}

/** The list on the left, the ticket that is open beside it. On a phone, one of the two. */
function Inbox() {
  const { ref = null } = useParams();
  const [params, setParams] = useSearchParams();
  const filters = useMemo(() => readFilters(params), [params]);
  const list = useTicketList(toQuery(filters));
  const rows = useMemo(() => listOnce(list.data?.pages.flatMap(({ tickets }) => tickets) ?? []), [list.data]);
  const walk = useWalk(rows, ref);
  const change = (changed: Partial<Filters>): void =>
    setParams(writeFilters({ ...filters, ...changed }), { replace: true });
  return (
    <div className={styles.inbox} data-open={ref === null ? "list" : "ticket"}>
      <Page
        title="Tickets"
        {...(ref !== null && { tabTitle: ref })}
        actions={<ListTools filters={filters} onChange={change} />}
      >
        <Views view={filters.view} onChange={(view) => change({ view })} />
        <div className={styles.panes}>
          <TicketList list={list} rows={rows} filters={filters} openRef={ref} onChange={change} onLook={walk.prefetch} />
          {ref === null ? <Nothing /> : <TicketView key={ref} ticketRef={ref} onBack={walk.goBack} />}
        </div>
      </Page>
    </div>
  );
}

/** While tickets move between pages that were read one after another, the same one may come twice. */
function listOnce<Row extends { ticket_ref: string }>(rows: Row[]): Row[] {
  return [...new Map(rows.map((row) => [row.ticket_ref, row])).values()];
}
