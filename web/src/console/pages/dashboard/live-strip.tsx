import { Alert, Skeleton } from "@mantine/core";
import { TriangleAlertIcon } from "lucide-react";
import type { ReactNode } from "react";
import { Link } from "react-router";
import type { components } from "../../../generated/api";
import classes from "./dashboard.module.css";
import { formatCount, formatDuration, formatOr } from "./format";
import { sumUp, type Health, type Now } from "./health";

interface LiveStripProps {
  /** Undefined until it is known. */
  health: Health | undefined;
  waiting: components["schemas"]["Waiting"] | undefined;
}

/** How the desk is doing at this moment, whatever period is looked at. */
export function LiveStrip({ health, waiting }: LiveStripProps) {
  const now = health && sumUp(health);
  return (
    <section aria-labelledby="right-now" className={classes.card}>
      <div className={classes.stripHead}>
        <h2 id="right-now" className={classes.cardTitle}>
          Right now
        </h2>
        {now && (
          <span className={classes.state} data-state={now.state} role="status">
            {now.headline}
          </span>
        )}
      </div>
      <dl className={classes.strip}>
        <Stat
          label="Waiting"
          value={now && formatCount(now.waiting)}
          note={now && `${formatCount(now.inWork)} in work`}
        />
        <Stat
          label="Longest wait"
          value={now && formatOr(formatDuration, now.waiting === 0 ? null : Math.round(now.oldestSeconds))}
          note={now?.waiting === 0 ? "nothing waits" : "until a worker takes it"}
        />
        <Stat
          label="Workers"
          value={now && formatCount(now.workers)}
          note={now && describeWorkers(now)}
          isWorrying={now?.workers === 0}
        />
        <Stat
          label="Dead letters"
          value={now && formatCount(now.deadLetters)}
          note="given up after all tries"
          isWorrying={(now?.deadLetters ?? 0) > 0}
        />
        <Stat
          label="Undelivered"
          value={now && describeUndelivered(now.undelivered)}
          note="replies a person must see to"
          isWorrying={(now?.undelivered ?? 0) > 0}
        />
        <Stat
          label="Tickets to settle"
          value={waiting && <Link to="/tickets">{formatCount(waiting.open + waiting.escalated)}</Link>}
          note={waiting && `${formatCount(waiting.escalated)} with a person, ${formatCount(waiting.overdue)} overdue`}
          isWorrying={(waiting?.overdue ?? 0) > 0}
        />
      </dl>
    </section>
  );
}

function describeWorkers({ workers, busy, slots }: Now): string {
  return workers === 0 ? "none is heard of" : `${formatCount(busy)} of ${formatCount(slots)} places taken`;
}

function describeUndelivered(count: number): ReactNode {
  return count === 0 ? formatCount(count) : <Link to="/tickets?undelivered">{formatCount(count)}</Link>;
}

interface StatProps {
  label: string;
  value: ReactNode | undefined;
  note: string | undefined;
  isWorrying?: boolean;
}

function Stat({ label, value, note, isWorrying = false }: StatProps) {
  return (
    <div className={classes.stat} data-worrying={isWorrying || undefined}>
      <dt className={classes.label}>{label}</dt>
      <dd className={classes.statValue}>
        {value ?? <Skeleton height={20} width={36} mt={4} />}
        {isWorrying && <TriangleAlertIcon size={15} aria-label="needs attention" />}
      </dd>
      <dd className={classes.detail} title={note}>
        {value === undefined ? " " : note}
      </dd>
    </div>
  );
}

/** What keeps the desk from answering, and what to do about it. */
export function NoWorkers() {
  return (
    <Alert
      color="red"
      role="alert"
      className={classes.alarm ?? ""}
      icon={<TriangleAlertIcon size={18} aria-hidden />}
      title="No worker is alive"
    >
      Messages are taken in and kept, but nobody answers them and no reply goes out. Start one with{" "}
      <code>nightdesk worker</code>; where one should be running, its log says why it stopped. What waits is then
      answered in its order.
    </Alert>
  );
}
