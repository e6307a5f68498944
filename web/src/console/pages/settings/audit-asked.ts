import { ACTIONS } from "./audit-words";
import type { AuditFilters } from "./types";

/** Which entries somebody looks for; days are those of the reader, both included. */
export interface Asked {
  actor: string | null;
  action: string | null;
  from: string | null;
  to: string | null;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const DAY = /^20\d\d-\d\d-\d\d$/;

export function readAsked(address: URLSearchParams): Asked {
  const take = (name: string, isGood: (value: string) => boolean): string | null => {
    const value = address.get(name);
    return value !== null && isGood(value) ? value : null;
  };
  const isDay = (value: string): boolean => DAY.test(value) && !Number.isNaN(Date.parse(value));
  return {
    actor: take("actor", (value) => UUID.test(value)),
    action: take("action", (value) => ACTIONS.includes(value)),
    from: take("from", isDay),
    to: take("to", isDay),
  };
}

export function writeAsked(asked: Asked): Record<string, string> {
  const given = Object.entries(asked).filter((pair): pair is [string, string] => Boolean(pair[1]));
  return Object.fromEntries(given);
}

export function toAuditFilters({ actor, action, from, to }: Asked): AuditFilters {
  return {
    ...(actor === null ? {} : { actor_id: actor }),
    ...(action === null ? {} : { action }),
    ...(from === null ? {} : { since: startOfDay(from, 0) }),
    ...(to === null ? {} : { until: startOfDay(to, 1) }),
  };
}

function startOfDay(day: string, later: number): string {
  const start = new Date(`${day}T00:00:00`);
  start.setDate(start.getDate() + later);
  return start.toISOString();
}
