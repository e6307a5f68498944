import { ApiError, describeError } from "../shared/api-error";
import type { Message, ReplyAccepted } from "../shared/api-types";
import type { Draft } from "../shared/draft";
import { newKey } from "../shared/idempotency";

/** A message the customer sent that the ticket does not show yet. */
export interface OutgoingMessage {
  /** Also its Idempotency-Key, so that retrying is always safe. */
  key: string;
  text: string;
  /** The newest message of the ticket when this one was written. */
  after: string | null;
  state: "sending" | "sent" | "failed";
  messageId?: string;
  problem?: string;
  /** No answer came, so it may or may not have arrived. */
  isUnconfirmed?: boolean;
}

export interface OutboxParts {
  kept: Draft<OutgoingMessage[]>;
  reply(text: string, idempotencyKey: string): Promise<ReplyAccepted>;
  onChange(): void;
  createKey?: () => string;
}

/** Sends messages one after another and holds on to each until the server confirmed it and shows it. */
export class Outbox {
  private readonly parts: OutboxParts;
  private messages: OutgoingMessage[];
  private arrived: readonly Message[] = [];
  private lastDelivery: Promise<void> = Promise.resolve();

  constructor(parts: OutboxParts) {
    this.parts = parts;
    this.messages = (parts.kept.load() ?? []).map(interrupt);
  }

  /** What to show under the conversation. */
  list(): OutgoingMessage[] {
    return this.messages.filter((message) => !isShownAlready(message, this.arrived));
  }

  send(text: string, after: string | null): Promise<void> {
    const key = (this.parts.createKey ?? newKey)();
    this.messages.push({ key, text, after, state: "sending" });
    this.changed();
    return this.deliver(key);
  }

  retry(key: string): Promise<void> {
    this.update(key, { state: "sending" });
    return this.deliver(key);
  }

  /** Once the connection is back: the key makes it harmless if a message did arrive the first time. */
  retryUnconfirmed(): void {
    for (const message of this.messages) {
      if (message.state === "failed" && message.isUnconfirmed) void this.retry(message.key);
    }
  }

  /** Gives a failed message back for editing. */
  take(key: string): string {
    const text = this.messages.find((message) => message.key === key)?.text ?? "";
    this.messages = this.messages.filter((message) => message.key !== key);
    this.changed();
    return text;
  }

  /** Learns which messages the ticket shows and lets go of those. */
  settle(arrived: readonly Message[]): void {
    this.arrived = arrived;
    if (this.messages.length === 0) return;
    const ids = new Set(arrived.map(({ id }) => id));
    this.messages = this.messages.filter(({ messageId }) => messageId === undefined || !ids.has(messageId));
    this.changed();
  }

  private deliver(key: string): Promise<void> {
    this.lastDelivery = this.lastDelivery.then(() => this.attempt(key));
    return this.lastDelivery;
  }

  private async attempt(key: string): Promise<void> {
    const message = this.messages.find((candidate) => candidate.key === key);
    if (!message) return;
    try {
      const accepted = await this.parts.reply(message.text, key);
      this.update(key, { state: "sent", messageId: accepted.message_id });
      this.settle(this.arrived);
    } catch (error) {
      const isUnconfirmed = error instanceof ApiError && error.status === null;
      this.update(key, { state: "failed", problem: describeError(error), isUnconfirmed });
    }
  }

  private update(key: string, change: Partial<OutgoingMessage>): void {
    this.messages = this.messages.map((message) => (message.key === key ? { ...message, ...change } : message));
    this.changed();
  }

  private changed(): void {
    if (this.messages.length === 0) this.parts.kept.clear();
    else this.parts.kept.save(this.messages);
    this.parts.onChange();
  }
}

/** After a reload nobody waits for the answer of the server any more. */
function interrupt(message: OutgoingMessage): OutgoingMessage {
  if (message.state !== "sending") return message;
  const problem = "The page was closed before this was confirmed.";
  return { ...message, state: "failed", problem, isUnconfirmed: true };
}

/**
 * The ticket often shows a message before the answer to sending it arrives. Until then only its text tells, which
 * is enough to not show it twice but not enough to let go of it.
 */
function isShownAlready(message: OutgoingMessage, arrived: readonly Message[]): boolean {
  const newer = arrived.slice(arrived.findIndex(({ id }) => id === message.after) + 1);
  return newer.some(({ author, text }) => author === "customer" && collapse(text) === collapse(message.text));
}

function collapse(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}
