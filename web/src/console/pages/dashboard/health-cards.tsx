import { Badge } from "@mantine/core";
import type { ReactNode } from "react";
import { describeAge, describeMoment } from "../../../shared/time";
import classes from "./dashboard.module.css";
import { formatCount, formatDuration } from "./format";
import { isTroubled, listInboxes, type Health, type Inbox, type Worker } from "./health";

interface HealthCardsProps {
  health: Health;
  /** When this was said. */
  now: number;
}

/** Who does the work, and which inboxes are in step. */
export function HealthCards({ health, now }: HealthCardsProps) {
  const inboxes = listInboxes(health);
  return (
    <div className={classes.cards}>
      <Card title="Workers" isEmpty={health.workers.length === 0} empty="None was heard of in the last ten minutes.">
        {health.workers.map((worker) => (
          <WorkerRow key={worker.id} worker={worker} now={now} />
        ))}
      </Card>
      <Card
        title="Inboxes"
        isEmpty={inboxes.length === 0}
        empty="No inbox is polled. The web form needs none; mailboxes and numbers are set up in the settings."
      >
        {inboxes.map((inbox) => (
          <InboxRow key={`${inbox.channel} ${inbox.inbox}`} inbox={inbox} now={now} />
        ))}
      </Card>
    </div>
  );
}

interface CardProps {
  title: string;
  isEmpty: boolean;
  empty: string;
  children: ReactNode;
}

function Card({ title, isEmpty, empty, children }: CardProps) {
  return (
    <section className={classes.card} aria-label={title}>
      <h2 className={classes.cardTitle}>{title}</h2>
      {isEmpty ? <p className={classes.cardEmpty}>{empty}</p> : <ul className={classes.rows}>{children}</ul>}
    </section>
  );
}

function WorkerRow({ worker, now }: { worker: Worker; now: number }) {
  const beat = `heard of ${formatDuration(Math.round(worker.silent_seconds))} ago`;
  return (
    <li className={classes.row}>
      <div className={classes.rowMain}>
        <span className={classes.rowTitle}>Worker {worker.id.slice(-6)}</span>
        <span className={classes.detail}>
          {beat} · {worker.brain} · started {describeAge(worker.started_at, now)}
        </span>
      </div>
      {worker.is_elected && (
        <Badge variant="light" color="gray" tt="none" title="Does the upkeep for all workers">
          upkeep
        </Badge>
      )}
      <span className={classes.rowFigure}>
        {formatCount(worker.in_flight)} of {formatCount(worker.concurrency)}
      </span>
      <Badge variant="light" color={worker.is_alive ? "green" : "red"} tt="none">
        {worker.is_alive ? "alive" : "silent"}
      </Badge>
    </li>
  );
}

function InboxRow({ inbox, now }: { inbox: Inbox; now: number }) {
  const problems = [inbox.read_problem, inbox.send_problem].filter((problem) => problem !== null);
  const synced = inbox.synced_at === null ? "not read yet" : `read ${describeAge(inbox.synced_at, now)}`;
  return (
    <li className={classes.row}>
      <div className={classes.rowMain}>
        <span className={classes.rowTitle} title={inbox.inbox}>
          {inbox.inbox}
        </span>
        <span className={classes.detail} title={inbox.synced_at === null ? undefined : describeMoment(inbox.synced_at)}>
          {inbox.channel} · {synced} · {formatCount(inbox.waiting)} to fetch
        </span>
        {problems.map((problem) => (
          <span key={problem} className={classes.rowProblem}>
            {problem}
          </span>
        ))}
      </div>
      <Badge variant="light" color={isTroubled(inbox) ? "red" : "green"} tt="none">
        {isTroubled(inbox) ? "needs attention" : "in step"}
      </Badge>
    </li>
  );
}
