import { Select } from "@mantine/core";
import type { Channel, ChannelChange } from "./types";

/** The API takes up to eight seconds. */
const CHOICES = ["0", "1", "2", "3", "5", "8"];
const OWN = "own";

interface QuietSecondsProps {
  channel: Channel;
  change(parts: ChannelChange): void;
}

/** For how long a message waits whether its customer writes more, so that both get one answer. */
export function QuietSeconds({ channel, change }: QuietSecondsProps) {
  const current = typeof channel.quiet_seconds === "number" ? String(channel.quiet_seconds) : OWN;
  const values = CHOICES.includes(current) || current === OWN ? CHOICES : [...CHOICES, current];
  return (
    <Select
      label="Wait for more messages"
      size="sm"
      allowDeselect={false}
      data={[{ value: OWN, label: "The usual time" }, ...values.map(describe)]}
      value={current}
      onChange={(value) => change({ quiet_seconds: value === OWN ? null : Number(value) })}
    />
  );
}

function describe(value: string): { value: string; label: string } {
  if (value === "0") return { value, label: "Answer at once" };
  return { value, label: value === "1" ? "1 second" : `${value} seconds` };
}
