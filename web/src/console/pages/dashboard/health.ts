/** What the detailed health says, as the dashboard shows it. */

import type { components } from "../../../generated/api";

export type Health = components["schemas"]["DetailedHealth"];
export type Worker = components["schemas"]["WorkerHealth"];
export type Inbox = components["schemas"]["InboxHealth"];

export interface Now {
  state: "well" | "troubled";
  headline: string;
  waiting: number;
  inWork: number;
  oldestSeconds: number;
  deadLetters: number;
  undelivered: number;
  workers: number;
  busy: number;
  slots: number;
}

export function sumUp(health: Health): Now {
  const alive = health.workers.filter(({ is_alive }) => is_alive);
  const add = (count: (worker: Worker) => number): number => alive.reduce((sum, worker) => sum + count(worker), 0);
  return {
    state: health.status === "ok" ? "well" : "troubled",
    headline: describeState(health, alive.length),
    waiting: health.queue?.claimable ?? 0,
    inWork: (health.queue?.threads ?? 0) - (health.queue?.claimable ?? 0),
    oldestSeconds: health.queue?.oldest_seconds ?? 0,
    deadLetters: health.queue?.dead_letters ?? 0,
    undelivered: Object.values(health.undelivered).reduce((sum, count) => sum + count, 0),
    workers: alive.length,
    busy: add(({ in_flight }) => in_flight),
    slots: add(({ concurrency }) => concurrency),
  };
}

function describeState(health: Health, alive: number): string {
  if (health.paused) return "Paused";
  if (alive === 0) return "Nobody answers";
  const troubled = listInboxes(health).filter(isTroubled).length;
  if (troubled > 0) return troubled === 1 ? "An inbox needs attention" : `${troubled} inboxes need attention`;
  return health.status === "ok" ? "All is well" : "Needs attention";
}

/** The inboxes with their addresses: whoever may not read tickets is shown sums instead, and here none. */
export function listInboxes(health: Health): Inbox[] {
  return health.inboxes.filter((row) => "inbox" in row);
}

/** It cannot be read or cannot send, or its vendor has stopped telling us of news. */
export function isTroubled({ state }: Inbox): boolean {
  return state !== "ok";
}
