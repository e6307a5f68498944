/** What the charts draw, from the buckets of the server's time series. */

import type { components } from "../../../generated/api";

type Point = components["schemas"]["Point"];

/** A point of time with the values of its lines. */
export type ChartPoint = Omit<Point, "at"> & { at: string; unsettled: number };

/** What one line or bar shows; all but the first line are dashed, because colour alone tells nothing. */
export interface Line {
  name: Exclude<keyof ChartPoint, "at">;
  label: string;
  tone: "accent" | "green" | "yellow" | "gray";
}

/** As the style sheet has them. */
export const TONES: Record<Line["tone"], string> = {
  accent: "var(--tone-accent)",
  green: "var(--tone-green)",
  yellow: "var(--tone-yellow)",
  gray: "var(--tone-gray)",
};

/** A ticket is solved by the agent, handed to a person, or neither yet. */
export function toChartPoints(series: readonly Point[]): ChartPoint[] {
  return series.map((point) => ({
    ...point,
    unsettled: Math.max(0, point.tickets - point.auto_resolved - point.escalated),
  }));
}

export const VOLUME: readonly Line[] = [
  { name: "messages_in", label: "In", tone: "accent" },
  { name: "messages_out", label: "Out", tone: "green" },
];
export const OUTCOMES: readonly Line[] = [
  { name: "auto_resolved", label: "Solved automatically", tone: "green" },
  { name: "escalated", label: "Escalated", tone: "yellow" },
  { name: "unsettled", label: "Neither yet", tone: "gray" },
];
export const FIRST_REPLY: readonly Line[] = [
  { name: "first_reply_p50_seconds", label: "Median", tone: "accent" },
  { name: "first_reply_p95_seconds", label: "P95", tone: "yellow" },
];
export const AGENT: readonly Line[] = [
  { name: "agent_p50_seconds", label: "Median", tone: "accent" },
  { name: "agent_p95_seconds", label: "P95", tone: "yellow" },
];
export const MOOD: readonly Line[] = [{ name: "sentiment_mean", label: "Mean", tone: "accent" }];
