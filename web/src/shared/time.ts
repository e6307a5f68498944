import { create, setText } from "./dom";

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const shortDate = new Intl.DateTimeFormat("en", { day: "numeric", month: "short", year: "numeric" });
const timeOfDay = new Intl.DateTimeFormat("en", { timeStyle: "short" });
const dayAndTime = new Intl.DateTimeFormat("en", {
  weekday: "short",
  day: "numeric",
  month: "short",
  hour: "numeric",
  minute: "2-digit",
});
const absolute = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "short" });

/** "just now", "5 minutes ago", "yesterday"; a plain date after a week. */
export function describeAge(iso: string, now: number): string {
  const seconds = (now - Date.parse(iso)) / 1000;
  if (Number.isNaN(seconds)) return "";
  if (seconds < 45) return "just now";
  if (seconds < HOUR) return relative.format(-Math.max(1, Math.round(seconds / MINUTE)), "minute");
  if (seconds < DAY) return relative.format(-Math.round(seconds / HOUR), "hour");
  if (seconds < 7 * DAY) return relative.format(-Math.round(seconds / DAY), "day");
  return shortDate.format(new Date(iso));
}

export function describeMoment(iso: string): string {
  const date = new Date(iso);
  return Number.isNaN(date.getTime()) ? "" : absolute.format(date);
}

/** "2:30 PM today", "Sun, Nov 22, 9:55 AM", in the reader's time zone; null once it has passed or if it is no time. */
export function describeDeadline(iso: string, now: number): string | null {
  const date = new Date(iso);
  if (!(date.getTime() >= now)) return null;
  const isToday = date.toDateString() === new Date(now).toDateString();
  return isToday ? `${timeOfDay.format(date)} today` : dayAndTime.format(date);
}

/** A time that says its age, with the exact moment in its title. */
export function renderTime(iso: string, now: number): HTMLTimeElement {
  // Without aria-live="off", a screen reader would announce the conversation's ages every time they change.
  const attributes = { datetime: iso, title: describeMoment(iso), "aria-live": "off" };
  return create("time", attributes, describeAge(iso, now));
}

export function refreshTimes(root: ParentNode, now: number): void {
  for (const time of root.querySelectorAll("time")) setText(time, describeAge(time.dateTime, now));
}
