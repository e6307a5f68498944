const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const shortDate = new Intl.DateTimeFormat("en", { day: "numeric", month: "short" });
const withYear = new Intl.DateTimeFormat("en", { day: "numeric", month: "short", year: "numeric" });

/** "now", "12m", "5h", "3d", then the date: as short as a column of a list. */
export function shortenAge(iso: string, now: number): string {
  const age = now - Date.parse(iso);
  if (age < MINUTE) return "now";
  if (age < 7 * DAY) return shortenDuration(age);
  const date = new Date(iso);
  return (date.getFullYear() === new Date(now).getFullYear() ? shortDate : withYear).format(date);
}

/** "due in 25m", "3h late": how a promise stands. */
export function describeDue(iso: string, now: number): { text: string; isLate: boolean } {
  const left = Date.parse(iso) - now;
  return left >= 0
    ? { text: `due in ${shortenDuration(left)}`, isLate: false }
    : { text: `${shortenDuration(-left)} late`, isLate: true };
}

function shortenDuration(milliseconds: number): string {
  if (milliseconds < HOUR) return `${Math.max(1, Math.floor(milliseconds / MINUTE))}m`;
  if (milliseconds < DAY) return `${Math.floor(milliseconds / HOUR)}h`;
  return `${Math.floor(milliseconds / DAY)}d`;
}
