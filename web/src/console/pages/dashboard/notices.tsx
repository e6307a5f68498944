import { Alert, Button, Group, Text } from "@mantine/core";
import type { UseQueryResult } from "@tanstack/react-query";
import { HistoryIcon, InboxIcon, TriangleAlertIcon } from "lucide-react";
import { describeProblem } from "../../api/problems";
import classes from "./dashboard.module.css";

interface FailureProps {
  /** What could not be read. */
  what: string;
  query: UseQueryResult<unknown>;
}

/** Says that a question got no answer. What an earlier one was told stays on the page, and this then takes one line. */
export function Failure({ what, query }: FailureProps) {
  const { error, data, dataUpdatedAt, isRefetching, refetch } = query;
  if (error === null) return null;
  const retry = (): void => void refetch();
  if (data !== undefined) {
    return (
      <p className={classes.stale} role="status">
        <HistoryIcon size={14} aria-hidden />
        <span>
          {what} as of {new Date(dataUpdatedAt).toLocaleTimeString()}, and not since: {describeProblem(error)}
        </span>
        <Button size="compact-xs" variant="default" onClick={retry}>
          Try again
        </Button>
      </p>
    );
  }
  return (
    <Alert
      color="red"
      role="alert"
      className={classes.alarm ?? ""}
      icon={<TriangleAlertIcon size={18} aria-hidden />}
      title={`${what} cannot be shown`}
    >
      <Text size="sm">{describeProblem(error)}</Text>
      <Button size="xs" variant="default" mt="xs" loading={isRefetching} onClick={retry}>
        Try again
      </Button>
    </Alert>
  );
}

interface NothingProps {
  /** How many there are in all; undefined while nobody knows. */
  tickets: number | undefined;
  onWiden(): void;
}

/** Stands where the charts would: nobody has ever written, or not in this period on these channels. */
export function Nothing({ tickets, onWiden }: NothingProps) {
  return tickets === 0 ? <EmptyDesk /> : <QuietPeriod onWiden={onWiden} />;
}

function EmptyDesk() {
  return (
    <section className={classes.empty} aria-labelledby="empty-desk">
      <InboxIcon size={28} aria-hidden />
      <h2 id="empty-desk">No message has arrived yet</h2>
      <p>
        Send a first one as a customer would. It arrives here within seconds: the agent answers it or hands it to you,
        and the figures begin.
      </p>
      <Group justify="center">
        <Button component="a" href="/" target="_blank">
          Open the support form
        </Button>
      </Group>
    </section>
  );
}

function QuietPeriod({ onWiden }: { onWiden(): void }) {
  return (
    <section className={classes.empty} aria-labelledby="quiet-period">
      <InboxIcon size={28} aria-hidden />
      <h2 id="quiet-period">Nothing happened here</h2>
      <p>No message came or went in this period on these channels.</p>
      <Group justify="center">
        <Button variant="default" onClick={onWiden}>
          Show 30 days of all channels
        </Button>
      </Group>
    </section>
  );
}
