/** What is measured: how each figure is called and written, and which way it is better. */

import type { components } from "../../../generated/api";
import { formatCost, formatCount, formatDuration, formatMood, formatRating, formatShare } from "./format";

export type Figures = components["schemas"]["Figures"];
export type FigureName = keyof Figures;

export interface Measure {
  name: FigureName;
  label: string;
  /** The label above a column of the table. */
  short: string;
  format(value: number): string;
  /** None where more is only more. */
  better?: "up" | "down";
  /** How a change is told: in percent of before, or as the difference itself. */
  change: "relative" | "points" | "difference";
}

/** The figures of a channel, in the order of tiles and columns. */
export const MEASURES = {
  tickets: {
    name: "tickets",
    label: "Tickets",
    short: "Tickets",
    format: formatCount,
    change: "relative",
  },
  messagesIn: {
    name: "messages_in",
    label: "Messages in",
    short: "In",
    format: formatCount,
    change: "relative",
  },
  messagesOut: {
    name: "messages_out",
    label: "Messages out",
    short: "Out",
    format: formatCount,
    change: "relative",
  },
  firstReply: {
    name: "first_reply_p50_seconds",
    label: "First reply, median",
    short: "Reply P50",
    format: formatDuration,
    better: "down",
    change: "relative",
  },
  firstReplySlow: {
    name: "first_reply_p95_seconds",
    label: "First reply, P95",
    short: "Reply P95",
    format: formatDuration,
    better: "down",
    change: "relative",
  },
  agent: {
    name: "agent_p50_seconds",
    label: "Assistant’s turn, median",
    short: "Turn P50",
    format: formatDuration,
    better: "down",
    change: "relative",
  },
  autoResolved: {
    name: "auto_resolve_rate",
    label: "Solved automatically",
    short: "Solved",
    format: formatShare,
    better: "up",
    change: "points",
  },
  escalated: {
    name: "escalation_rate",
    label: "Escalated",
    short: "Escalated",
    format: formatShare,
    better: "down",
    change: "points",
  },
  reopened: {
    name: "reopen_rate",
    label: "Reopened",
    short: "Reopened",
    format: formatShare,
    better: "down",
    change: "points",
  },
  mood: {
    name: "sentiment_mean",
    label: "Sentiment",
    short: "Mood",
    format: formatMood,
    better: "up",
    change: "difference",
  },
  rating: {
    name: "rating_mean",
    label: "Rating",
    short: "Rating",
    format: formatRating,
    better: "up",
    change: "difference",
  },
  failures: {
    name: "delivery_failures",
    label: "Delivery failures",
    short: "Failures",
    format: formatCount,
    better: "down",
    change: "relative",
  },
  cost: {
    name: "cost_usd",
    label: "Model cost",
    short: "Cost",
    format: formatCost,
    change: "relative",
  },
} satisfies Record<string, Measure>;

export interface Change {
  direction: "up" | "down" | "same";
  /** How much: "12%", "3.1 points", "0.25". */
  amount: string;
  verdict: "better" | "worse" | null;
}

/** How a figure stands against the period before; null where either has nothing, or where nothing can be divided by. */
export function compare(measure: Measure, figures: Figures, previous: Figures): Change | null {
  const now = figures[measure.name];
  const before = previous[measure.name];
  if (now == null || before == null || (measure.change === "relative" && before === 0 && now !== 0)) return null;
  const difference = now - before;
  const amount = describeAmount(measure, Math.abs(difference), before);
  if (amount === describeAmount(measure, 0, before)) return { direction: "same", amount: "no change", verdict: null };
  const direction = difference > 0 ? "up" : "down";
  return { direction, amount, verdict: measure.better ? (measure.better === direction ? "better" : "worse") : null };
}

const points = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const share = new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 0 });
const LARGEST_SHARE = 10;

function describeAmount({ change, format }: Measure, size: number, before: number): string {
  if (change === "points") return `${points.format(size * 100)} points`;
  if (change === "difference") return format(size).replace(/^\+/, "");
  const relative = before === 0 ? 0 : size / before;
  return relative > LARGEST_SHARE ? `over ${share.format(LARGEST_SHARE)}` : share.format(relative);
}

/** A mean from −1 to 1, in a word. */
export function describeMood(mean: number): string {
  if (mean >= 0.5) return "very positive";
  if (mean >= 0.1) return "rather positive";
  if (mean > -0.1) return "neutral";
  return mean > -0.5 ? "rather negative" : "very negative";
}

export interface Order {
  measure: Measure | null;
  isDescending: boolean;
}

/** By a figure, or by name without one. Rows that have none come last either way. */
export function sortRows<Row extends { label: string; figures: Figures }>(rows: readonly Row[], order: Order): Row[] {
  const sign = order.isDescending ? -1 : 1;
  const { measure } = order;
  return rows.toSorted((a, b) => {
    if (measure === null) return sign * a.label.localeCompare(b.label);
    const [left, right] = [a.figures[measure.name] ?? null, b.figures[measure.name] ?? null];
    if (left === null || right === null) return Number(left === null) - Number(right === null);
    return sign * (left - right) || a.label.localeCompare(b.label);
  });
}
