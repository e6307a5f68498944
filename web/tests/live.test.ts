import { describe, expect, it } from "vitest";
import type { TicketApi } from "../src/shared/api";
import { ApiError } from "../src/shared/api-error";
import type { Ticket } from "../src/shared/api-types";
import { LiveTicket } from "../src/ticket/live";
import { ManualClock, sampleTicket, settled, unreachable } from "./sample";

type Opened = { send(text: string): void; end(): void };

/** A server whose streams the test opens, feeds and breaks. */
class FakeServer implements TicketApi {
  loads = 0;
  streams: Opened[] = [];
  loadFailure: ApiError | null = null;
  streamFailure: ApiError | null = null;

  async load(): Promise<Ticket> {
    this.loads += 1;
    if (this.loadFailure) throw this.loadFailure;
    return sampleTicket();
  }

  async openEvents(signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
    if (this.streamFailure) throw this.streamFailure;
    return new ReadableStream({
      start: (controller) => {
        const encoder = new TextEncoder();
        this.streams.push({
          send: (text) => controller.enqueue(encoder.encode(text)),
          end: () => controller.close(),
        });
        signal.addEventListener("abort", () => controller.error(new Error("aborted")));
      },
    });
  }

  reply(): Promise<never> {
    throw new Error("not used");
  }

  rate(): Promise<never> {
    throw new Error("not used");
  }
}

async function openPage(prepare: (server: FakeServer) => void = () => {}) {
  const server = new FakeServer();
  prepare(server);
  const clock = new ManualClock();
  const seen = { tickets: [] as string[], connections: [] as string[], refused: 0 };
  const live = new LiveTicket({
    api: server,
    clock,
    random: () => 1,
    onTicket: (ticket) => seen.tickets.push(ticket.status),
    onConnection: (connection) => {
      if (seen.connections.at(-1) !== connection) seen.connections.push(connection);
    },
    onRefused: () => (seen.refused += 1),
  });
  void live.run();
  await settled();
  return { server, clock, seen, live };
}

function event(ticket: Ticket): string {
  return `event: ticket\ndata: ${JSON.stringify(ticket)}\n\n`;
}

describe("The live ticket", () => {
  it("is loaded once and then follows the stream", async () => {
    const { server, seen } = await openPage();
    server.streams[0]?.send(event(sampleTicket({ status: "escalated" })));
    await settled();
    expect(server.loads).toBe(1);
    expect(seen.tickets).toEqual(["open", "escalated"]);
    expect(seen.connections).toEqual(["connected"]);
  });

  it("ignores events it does not know", async () => {
    const { server, seen } = await openPage();
    server.streams[0]?.send("event: weather\ndata: rain\n\n");
    await settled();
    expect(seen.tickets).toEqual(["open"]);
  });

  it("reconnects later and later while the server is away, and says so", async () => {
    const { server, clock, seen } = await openPage((it) => (it.streamFailure = unreachable()));
    expect(seen.connections).toEqual(["connected", "reconnecting"]);
    for (const wait of [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]) {
      expect(clock.waits()).toEqual([wait]);
      await clock.advance(wait);
    }
    expect(server.loads).toBe(1);
  });

  it("is patient no longer than needed: a good event starts the waits over", async () => {
    const { server, clock, seen } = await openPage((it) => (it.streamFailure = unreachable()));
    await clock.advance(1_000);
    await clock.advance(2_000);
    server.streamFailure = null;
    await clock.advance(4_000);
    server.streams[0]?.send(event(sampleTicket()));
    await settled();
    expect(seen.connections.at(-1)).toBe("connected");
    server.streams[0]?.end();
    await settled();
    expect(clock.waits()).toEqual([1_000]);
  });

  it("reconnects at once when woken", async () => {
    const { server, live } = await openPage((it) => (it.streamFailure = unreachable()));
    server.streamFailure = null;
    live.wake();
    await settled();
    expect(server.streams).toHaveLength(1);
  });

  it("polls while there are too many streams, then tries the stream again", async () => {
    const { server, clock, seen } = await openPage(
      (it) => (it.streamFailure = new ApiError({ status: 503, retryAfterSeconds: 10 })),
    );
    expect(seen.connections).toEqual(["connected"]);
    await clock.advance(4_000);
    await clock.advance(4_000);
    expect(server.loads).toBe(3);
    server.streamFailure = null;
    await clock.advance(4_000);
    expect(server.streams).toHaveLength(1);
    expect(seen.connections).toEqual(["connected"]);
  });

  it("polls when a proxy holds the stream back", async () => {
    const { server, clock } = await openPage();
    expect(server.streams).toHaveLength(1);
    await clock.advance(10_000);
    await clock.advance(4_000);
    expect(server.loads).toBe(2);
  });

  it("takes a stream without keep-alives for dead", async () => {
    const { server, clock, seen } = await openPage();
    server.streams[0]?.send(event(sampleTicket()));
    await settled();
    await clock.advance(40_000);
    server.streams[0]?.send(": keep-alive\n\n");
    await settled();
    await clock.advance(40_000);
    expect(seen.connections).toEqual(["connected"]);
    await clock.advance(5_000);
    expect(seen.connections).toEqual(["connected", "reconnecting"]);
  });

  it("waits as long as a busy server asks", async () => {
    const { clock } = await openPage((it) => (it.loadFailure = new ApiError({ status: 503, retryAfterSeconds: 20 })));
    expect(clock.waits()).toEqual([20_000]);
  });

  it.each([401, 404])("stops for good when the link is refused with %i", async (status) => {
    const { server, clock, seen } = await openPage((it) => (it.loadFailure = new ApiError({ status })));
    expect(seen.refused).toBe(1);
    expect(clock.waits()).toEqual([]);
    expect(server.loads).toBe(1);
  });
});
