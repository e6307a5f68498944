/** Figures as people read them, in the way of their locale. */

const NOTHING = "–";

const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const oneDigit = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const compact = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });
const percent = new Intl.NumberFormat(undefined, {
  style: "percent",
  minimumFractionDigits: 1,
  maximumFractionDigits: 1,
});
const twoDigits = new Intl.NumberFormat(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const signed = new Intl.NumberFormat(undefined, {
  minimumFractionDigits: 2,
  maximumFractionDigits: 2,
  signDisplay: "exceptZero",
});
const dollars = new Intl.NumberFormat(undefined, {
  style: "currency",
  currency: "USD",
  currencyDisplay: "narrowSymbol",
});
const cents = new Intl.NumberFormat(undefined, {
  style: "currency",
  currency: "USD",
  currencyDisplay: "narrowSymbol",
  minimumFractionDigits: 4,
});

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export const formatCount = (value: number): string => (value < 100_000 ? whole : compact).format(value);
export const formatShare = (value: number): string => percent.format(value);
export const formatMood = (value: number): string => signed.format(value);
export const formatRating = (value: number): string => twoDigits.format(value);

/** Less than a dollar keeps its fractions of cents: a turn may cost a tenth of one. */
export const formatCost = (value: number): string => (value > 0 && value < 1 ? cents : dollars).format(value);

/** "850 ms", "4.2 s", "3 min", "1.5 h", "2.1 d". The spaces do not break, or an axis would write on two lines. */
export function formatDuration(seconds: number): string {
  if (seconds === 0) return "0\u00a0s";
  if (seconds < 0.9995) return `${whole.format(seconds * 1000)}\u00a0ms`;
  if (seconds < MINUTE) return `${oneDigit.format(seconds)}\u00a0s`;
  if (seconds < HOUR) return `${oneDigit.format(seconds / MINUTE)}\u00a0min`;
  if (seconds < DAY) return `${oneDigit.format(seconds / HOUR)}\u00a0h`;
  return `${oneDigit.format(seconds / DAY)}\u00a0d`;
}

/** How long a period is: "hour", "24 hours", "7 days". */
export function describeLength(seconds: number): string {
  const hours = Math.round(seconds / HOUR);
  if (hours === 1) return "hour";
  return hours < 48 ? `${hours} hours` : `${whole.format(hours / 24)} days`;
}

/** A figure, or a dash where there was nothing to measure. */
export function formatOr(format: (value: number) => string, value: number | null | undefined): string {
  return value == null ? NOTHING : format(value);
}

export interface Moments {
  /** On an axis. */
  short(iso: string): string;
  /** In a tooltip and in a table. */
  long(iso: string): string;
}

/** How the buckets of a time series are named. Those of days and weeks begin at midnight in UTC, so are named there. */
export function chooseMoments(bucketSeconds: number): Moments {
  const zone = bucketSeconds >= DAY ? { timeZone: "UTC" } : {};
  const time = { hour: "numeric", minute: "2-digit" } as const;
  const day = { day: "numeric", month: "short" } as const;
  const short = bucketSeconds > HOUR ? { ...day, ...zone } : time;
  const long = { weekday: "short", ...day, ...(bucketSeconds >= DAY ? zone : time) } as const;
  return { short: makeFormat(short), long: makeFormat(long) };
}

function makeFormat(options: Intl.DateTimeFormatOptions): (iso: string) => string {
  const format = new Intl.DateTimeFormat(undefined, options);
  return (iso) => format.format(new Date(iso));
}

/** "Europe/Berlin (GMT+1)". */
export function describeZone(at: Date): string {
  const { timeZone } = new Intl.DateTimeFormat().resolvedOptions();
  const parts = new Intl.DateTimeFormat("en", { timeZoneName: "shortOffset" }).formatToParts(at);
  const offset = parts.find(({ type }) => type === "timeZoneName")?.value ?? "";
  return timeZone === "UTC" || offset === "" ? timeZone : `${timeZone} (${offset})`;
}
