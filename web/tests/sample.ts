import { ApiError } from "../src/shared/api-error";
import type { Message, Submission, Ticket } from "../src/shared/api-types";
import type { Clock } from "../src/shared/clock";
import type { Draft } from "../src/shared/draft";

export const NOW = Date.parse("2026-11-21T10:00:00Z");

export function sampleSubmission(change: Partial<Submission> = {}): Submission {
  return {
    name: "Mara Lind",
    email: "mara@example.com",
    subject: "Cannot sign in",
    category: "account",
    priority: "medium",
    message: "The new password is refused.",
    ...change,
  };
}

export function sampleMessage(change: Partial<Message> = {}): Message {
  return { id: "m1", author: "customer", text: "Hello", created_at: "2026-11-21T09:55:00Z", citations: [], ...change };
}

export function sampleTicket(change: Partial<Ticket> = {}): Ticket {
  return {
    ticket_ref: "TF-20261121-0001",
    status: "open",
    subject: "Cannot sign in",
    category: "account",
    priority: "medium",
    created_at: "2026-11-21T09:55:00Z",
    updated_at: "2026-11-21T09:55:00Z",
    team: null,
    sla: { first_reply_minutes: 1440, first_reply_by: "2026-11-22T09:55:00Z" },
    answering: false,
    messages: [sampleMessage()],
    feedback: null,
    ...change,
  };
}

export function unreachable(): ApiError {
  return new ApiError({ status: null });
}

/** Puts a page's HTML into the document, without its head: tests load no stylesheets and scripts. */
export function showPage(html: string): void {
  document.body.innerHTML = /<body>([\s\S]*)<\/body>/.exec(html)?.[1]?.replace(/<img[^>]*>/g, "") ?? "";
}

/** A draft in memory, with its content in sight. */
export class MemoryDraft<Value> implements Draft<Value> {
  value: Value | null = null;
  load = (): Value | null => this.value;
  save = (value: Value): void => void (this.value = structuredClone(value));
  clear = (): void => void (this.value = null);
}

/** A clock that stands still until told how far to go. */
export class ManualClock implements Clock {
  private time = NOW;
  private timers: { at: number; action: () => void }[] = [];

  now(): number {
    return this.time;
  }

  after(milliseconds: number, action: () => void): () => void {
    const timer = { at: this.time + milliseconds, action };
    this.timers.push(timer);
    return () => void (this.timers = this.timers.filter((other) => other !== timer));
  }

  /** How long until each waiting timer, soonest first. */
  waits(): number[] {
    return this.timers.map(({ at }) => at - this.time).sort((a, b) => a - b);
  }

  async advance(milliseconds: number): Promise<void> {
    this.time += milliseconds;
    const due = this.timers.filter(({ at }) => at <= this.time);
    this.timers = this.timers.filter(({ at }) => at > this.time);
    due.forEach(({ action }) => action());
    await settled();
  }
}

/** Lets everything that waits only for promises happen. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
}
