/** What the dashboard shows, as its address says it, so that a view can be sent to a colleague. */

import type { operations } from "../../../generated/api";
import type { Channel } from "../../../shared/api-types";
import { CHANNEL_LABELS } from "../../../shared/labels";

type Query = NonNullable<operations["read_channel_metrics_metrics_channels_get"]["parameters"]["query"]>;
export type Period = NonNullable<Query["period"]>;

/** Whole days of whoever looks, both included, as YYYY-MM-DD. */
export interface Days {
  from: string;
  to: string;
}

export interface View {
  span: Period | Days;
  /** None means all. */
  channels: Channel[];
}

export const PERIODS: Record<Period, string> = {
  "1h": "Last hour",
  "24h": "Last 24 hours",
  "7d": "Last 7 days",
  "30d": "Last 30 days",
};
export const CHANNELS = Object.keys(CHANNEL_LABELS).filter(isChannel);
export const MAX_DAYS = 366;
const DAY_MS = 86_400_000;
const DEFAULT_PERIOD: Period = "24h";

/** The view of an address; what it gets wrong is as if it were not there. */
export function readView(params: URLSearchParams): View {
  const asked = params.getAll("channel");
  return { span: readSpan(params), channels: CHANNELS.filter((channel) => asked.includes(channel)) };
}

function readSpan(params: URLSearchParams): Period | Days {
  const days = { from: params.get("from") ?? "", to: params.get("to") ?? "" };
  if (checkDays(days) === null) return days;
  const period = params.get("period");
  return isPeriod(period) ? period : DEFAULT_PERIOD;
}

export function writeView({ span, channels }: View): URLSearchParams {
  const params = new URLSearchParams();
  if (typeof span !== "string") {
    params.set("from", span.from);
    params.set("to", span.to);
  } else if (span !== DEFAULT_PERIOD) {
    params.set("period", span);
  }
  for (const channel of channels) params.append("channel", channel);
  return params;
}

/** What to ask the server for. */
export function toQuery({ span, channels }: View): Query {
  const query: Query = channels.length > 0 ? { channel: channels } : {};
  if (typeof span === "string") return { ...query, period: span };
  const end = startOfDay(span.to);
  end.setDate(end.getDate() + 1);
  return { ...query, from: startOfDay(span.from).toISOString(), to: end.toISOString() };
}

/** What is wrong with these days, in words; null when nothing is. */
export function checkDays({ from, to }: Days): string | null {
  const [start, end] = [startOfDay(from).getTime(), startOfDay(to).getTime()];
  if (Number.isNaN(start) || Number.isNaN(end)) return "Choose a first and a last day.";
  if (end < start) return "The last day lies before the first.";
  if (Math.round((end - start) / DAY_MS) >= MAX_DAYS) return `Choose ${MAX_DAYS} days at most.`;
  if (start < Date.UTC(2000, 0, 2) || end > Date.UTC(2199, 11, 30)) return "Choose days of this century.";
  return null;
}

/** "Last 7 days", "1 Nov 2026 – 20 Nov 2026". */
export function describeSpan(span: Period | Days): string {
  if (typeof span === "string") return PERIODS[span];
  const format = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });
  return format.formatRange(startOfDay(span.from), startOfDay(span.to));
}

/** The same with the channels, as a caption. */
export function describeView({ span, channels }: View): string {
  const names = channels.length === 0 ? "all channels" : channels.map((channel) => CHANNEL_LABELS[channel]).join(", ");
  return `${describeSpan(span)}, ${names}`;
}

export function isPeriod(text: string | null): text is Period {
  return text !== null && Object.hasOwn(PERIODS, text);
}

function isChannel(text: string): text is Channel {
  return Object.hasOwn(CHANNEL_LABELS, text);
}

/** Midnight where the reader is; an invalid date if the text is no day. */
function startOfDay(day: string): Date {
  return new Date(/^\d{4}-\d\d-\d\d$/.test(day) ? `${day}T00:00` : Number.NaN);
}
