import type { QueryKey } from "@tanstack/react-query";
import type { Clock } from "../../shared/clock";
import type { ServerEvent } from "../../shared/sse";

/** However much happens, a page asks again at most this often. */
const GATHER_MS = 500;

/** Which queries an event makes stale. A page that keeps something under another key adds it here. */
export function listStaleKeys(event: ServerEvent): QueryKey[] {
  switch (event.name) {
    case "ticket":
      return [["tickets"], ["ticket", readRef(event.data)], ["metrics"]];
    case "queue":
      return [["queue"]];
    case "reset":
      return [[]]; // the beginning of every key
    default:
      return [];
  }
}

/** Gathers what became stale, so that a burst of events is one question. Returns the function that takes events. */
export function gatherStaleKeys(clock: Clock, invalidate: (key: QueryKey) => void): (event: ServerEvent) => void {
  const waiting = new Map<string, QueryKey>();
  const flush = (): void => {
    const keys = [...waiting.values()];
    waiting.clear();
    keys.forEach(invalidate);
  };
  return (event) => {
    const keys = listStaleKeys(event);
    if (waiting.size === 0 && keys.length > 0) clock.after(GATHER_MS, flush);
    for (const key of keys) waiting.set(JSON.stringify(key), key);
  };
}

function readRef(data: string): string {
  return (JSON.parse(data) as { ref: string }).ref;
}
