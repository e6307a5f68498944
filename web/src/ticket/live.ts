import { ApiError } from "../shared/api-error";
import type { TicketApi } from "../shared/api";
import type { Ticket } from "../shared/api-types";
import { reconnectDelay } from "../shared/backoff";
import type { Clock } from "../shared/clock";
import { readEvents, type ServerEvent } from "../shared/sse";

/** The server sends the ticket as soon as a stream opens; one that stays silent is being held back by a proxy. */
const FIRST_EVENT_WITHIN_MS = 10_000;
/** Keep-alives come every 15 s; after three missed ones the connection is dead, even if nobody told us. */
const SILENCE_MEANS_DEAD_MS = 45_000;
const POLL_EVERY_MS = 4_000;
const POLL_INSTEAD_OF_STREAM_MS = 60_000;

export type Connection = "connected" | "reconnecting";

export interface LiveTicketParts {
  api: TicketApi;
  clock: Clock;
  random?: () => number;
  onTicket(ticket: Ticket): void;
  onConnection(connection: Connection): void;
  /** The link opens no ticket; nothing further will happen. */
  onRefused(error: ApiError): void;
}

/** Keeps the page's ticket fresh: by the event stream, or by polling while the server or a proxy refuses streams. */
export class LiveTicket {
  private readonly parts: LiveTicketParts;
  private loaded = false;
  private attempt = 0;
  private pollUntil = 0;
  private cutSleepShort: () => void = () => {};

  constructor(parts: LiveTicketParts) {
    this.parts = parts;
  }

  async run(): Promise<void> {
    for (;;) {
      try {
        await this.step();
      } catch (error) {
        if (isRefusal(error)) return this.parts.onRefused(error);
        await this.waitToReconnect(error);
      }
    }
  }

  /** Stops waiting: the network is back, the tab is looked at again, or the customer just wrote something. */
  wake(): void {
    this.attempt = 0;
    this.cutSleepShort();
  }

  private async step(): Promise<void> {
    if (!this.loaded) await this.poll();
    if (this.parts.clock.now() >= this.pollUntil) return this.follow();
    await this.sleep(POLL_EVERY_MS);
    await this.poll();
  }

  private async poll(): Promise<void> {
    this.accept(await this.parts.api.load());
  }

  private accept(ticket: Ticket): void {
    this.loaded = true;
    this.attempt = 0;
    this.parts.onConnection("connected");
    this.parts.onTicket(ticket);
  }

  private async follow(): Promise<void> {
    const abort = new AbortController();
    let heard = false;
    let disarm = this.parts.clock.after(FIRST_EVENT_WITHIN_MS, () => abort.abort());
    const hear = (event: ServerEvent): void => {
      if (event.name !== "ticket") return;
      heard = true;
      this.accept(JSON.parse(event.data) as Ticket);
    };
    const rearm = (): void => {
      if (!heard) return;
      disarm();
      disarm = this.parts.clock.after(SILENCE_MEANS_DEAD_MS, () => abort.abort());
    };
    try {
      const stream = await this.parts.api.openEvents(abort.signal);
      await readEvents(stream, hear, rearm);
    } catch (error) {
      if (isTooManyStreams(error)) return this.pollFor(error.retryAfterSeconds);
      if (!heard && abort.signal.aborted) return this.pollFor(null);
      throw error;
    } finally {
      disarm();
    }
    throw new ApiError({ status: null, detail: "The server ended the stream." });
  }

  private pollFor(seconds: number | null): void {
    const duration = seconds === null ? POLL_INSTEAD_OF_STREAM_MS : seconds * 1000;
    this.pollUntil = this.parts.clock.now() + Math.max(duration, POLL_EVERY_MS);
  }

  private async waitToReconnect(error: unknown): Promise<void> {
    this.parts.onConnection("reconnecting");
    const asked = error instanceof ApiError ? (error.retryAfterSeconds ?? 0) * 1000 : 0;
    await this.sleep(Math.max(asked, reconnectDelay(this.attempt++, this.parts.random)));
  }

  private sleep(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.parts.clock.after(milliseconds, resolve);
      this.cutSleepShort = () => {
        cancel();
        resolve();
      };
    });
  }
}

function isRefusal(error: unknown): error is ApiError {
  return error instanceof ApiError && [401, 403, 404, 410].includes(error.status ?? 0);
}

function isTooManyStreams(error: unknown): error is ApiError {
  return error instanceof ApiError && (error.status === 503 || error.status === 429);
}
