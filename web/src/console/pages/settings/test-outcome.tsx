import { Alert, Progress, Text } from "@mantine/core";
import panel from "../../parts/panel.module.css";
import type { TestMessage } from "./types";

/** What became of a test message so far. */
export function TestOutcome({ message }: { message: TestMessage }) {
  if (message.probe) return <ProbeOutcome probe={message.probe} />;
  switch (message.state) {
    case "queued":
    case "working":
      return (
        <div role="status">
          <Progress value={100} animated size="sm" aria-label="Being sent" />
          <Text size="sm" c="dimmed" mt="xs">
            {message.state === "queued" ? "Waiting for a worker to send it" : "On its way"}
          </Text>
        </div>
      );
    case "done":
      return (
        <Alert color="green" role="status" title="Accepted">
          The vendor has taken it. It should reach {message.to} within a minute; look into the spam folder too.
        </Alert>
      );
    case "failed":
      return (
        <Alert color="red" role="alert" title="Not delivered">
          {message.problem ?? "The vendor did not take it."}
        </Alert>
      );
  }
}

const STAGE_LABELS: Record<string, string> = {
  publish: "Taken in",
  queue: "Waited",
  resolve: "Read",
  agent: "Thought about",
  deliver: "Sent",
  total: "Together",
};

function ProbeOutcome({ probe }: { probe: NonNullable<TestMessage["probe"]> }) {
  return (
    <Alert color="green" role="status" title="The whole desk works">
      <dl className={panel.facts}>
        <dt>Ticket</dt>
        <dd>{probe.ticket_ref}</dd>
        <dt>Outcome</dt>
        <dd>{probe.outcome.replaceAll("_", " ")}</dd>
        {Object.entries(probe.stages_ms).map(([stage, milliseconds]) => (
          <Stage key={stage} stage={stage} milliseconds={milliseconds} />
        ))}
      </dl>
      <Text size="sm" mt="xs" lineClamp={4} title={probe.reply}>
        {probe.reply}
      </Text>
    </Alert>
  );
}

function Stage({ stage, milliseconds }: { stage: string; milliseconds: number | null }) {
  if (milliseconds === null) return null;
  return (
    <>
      <dt>{STAGE_LABELS[stage] ?? stage.replaceAll("_", " ")}</dt>
      <dd>{Math.round(milliseconds)} ms</dd>
    </>
  );
}
