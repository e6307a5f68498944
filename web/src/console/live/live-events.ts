import { ApiError } from "../../shared/api-error";
import { reconnectDelay } from "../../shared/backoff";
import type { Clock } from "../../shared/clock";
import { readEvents, type ServerEvent } from "../../shared/sse";

/** Keep-alives come every 15 s; after three missed ones the connection is dead, even if nobody told us. */
const SILENCE_MEANS_DEAD_MS = 45_000;

/** `off`: this account may not follow the desk, or the server does not offer it. */
export type Connection = "connecting" | "connected" | "reconnecting" | "off";

export interface LiveEventsParts {
  /** Opens GET /events, after the event with this id if there was one. Raises ApiError. */
  open(lastId: string | null, signal: AbortSignal): Promise<ReadableStream<Uint8Array>>;
  clock: Clock;
  random?: () => number;
  onEvent(event: ServerEvent): void;
  onConnection(connection: Connection): void;
}

/** Follows the desk: whatever breaks, it goes on after the last event that arrived. */
export class LiveEvents {
  private readonly parts: LiveEventsParts;
  private readonly closing = new AbortController();
  private lastId: string | null = null;
  private attempt = 0;
  private cutSleepShort: () => void = () => {};

  constructor(parts: LiveEventsParts) {
    this.parts = parts;
  }

  async run(): Promise<void> {
    while (!this.isClosed()) {
      try {
        await this.follow();
      } catch (error) {
        if (this.isClosed()) return;
        if (isRefusal(error)) return this.parts.onConnection("off");
        this.parts.onConnection("reconnecting");
        await this.sleep(this.chooseDelay(error));
      }
    }
  }

  close(): void {
    this.closing.abort();
    this.cutSleepShort();
  }

  /** Stops waiting: the network is back, or the tab is looked at again. */
  wake(): void {
    this.attempt = 0;
    this.cutSleepShort();
  }

  private async follow(): Promise<void> {
    const silence = new AbortController();
    const giveUp = (): void => silence.abort();
    let disarm = this.parts.clock.after(SILENCE_MEANS_DEAD_MS, giveUp);
    const rearm = (): void => {
      disarm();
      disarm = this.parts.clock.after(SILENCE_MEANS_DEAD_MS, giveUp);
    };
    try {
      const stream = await this.parts.open(this.lastId, AbortSignal.any([silence.signal, this.closing.signal]));
      this.attempt = 0;
      this.parts.onConnection("connected");
      await readEvents(stream, this.hear, rearm);
    } finally {
      disarm();
    }
    throw new ApiError({ status: null, detail: "The server ended the stream." });
  }

  private hear = (event: ServerEvent): void => {
    this.lastId = event.id ?? this.lastId;
    this.parts.onEvent(event);
  };

  private chooseDelay(error: unknown): number {
    const asked = error instanceof ApiError ? (error.retryAfterSeconds ?? 0) * 1000 : 0;
    return Math.max(asked, reconnectDelay(this.attempt++, this.parts.random));
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

  private isClosed(): boolean {
    return this.closing.signal.aborted;
  }
}

function isRefusal(error: unknown): boolean {
  return error instanceof ApiError && [401, 403, 404].includes(error.status ?? 0);
}
