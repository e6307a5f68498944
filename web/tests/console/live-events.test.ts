import { describe, expect, it } from "vitest";
import { LiveEvents, type Connection } from "../../src/console/live/live-events";
import { gatherStaleKeys } from "../../src/console/live/staleness";
import { ApiError } from "../../src/shared/api-error";
import { ManualClock, settled } from "../sample";

class Desk {
  readonly clock = new ManualClock();
  readonly asked: (string | null)[] = [];
  readonly heard: string[] = [];
  readonly connections: Connection[] = [];
  readonly streams: ReadableStreamDefaultController<Uint8Array>[] = [];
  refusal: ApiError | null = null;

  readonly live = new LiveEvents({
    open: async (lastId, signal) => {
      this.asked.push(lastId);
      if (this.refusal) throw this.refusal;
      return new ReadableStream<Uint8Array>({
        start: (controller) => {
          this.streams.push(controller);
          signal.addEventListener("abort", () => controller.error(signal.reason));
        },
      });
    },
    clock: this.clock,
    random: () => 0,
    onEvent: (event) => this.heard.push(event.data),
    onConnection: (connection) => this.connections.push(connection),
  });

  async send(text: string): Promise<void> {
    this.streams.at(-1)?.enqueue(new TextEncoder().encode(text));
    await this.settle();
  }

  async settle(): Promise<void> {
    await settled();
    await new Promise((resolve) => setTimeout(resolve));
  }
}

async function openDesk(): Promise<Desk> {
  const desk = new Desk();
  void desk.live.run();
  await desk.settle();
  return desk;
}

describe("Live events", () => {
  it("go on after the last one that arrived", async () => {
    const desk = await openDesk();
    await desk.send("id: 7\nevent: ticket\ndata: one\n\n");
    desk.streams[0]?.close();
    await desk.settle();
    expect(desk.connections).toEqual(["connected", "reconnecting"]);
    await desk.clock.advance(500);
    await desk.settle();
    await desk.send("data: two\n\n");
    expect(desk.asked).toEqual([null, "7"]);
    expect(desk.heard).toEqual(["one", "two"]);
    expect(desk.connections.at(-1)).toBe("connected");
    desk.live.close();
  });

  it("take a stream that has been silent for long as lost", async () => {
    const desk = await openDesk();
    await desk.clock.advance(30_000);
    await desk.send(": keep-alive\n\n");
    await desk.clock.advance(30_000);
    await desk.settle();
    expect(desk.connections).toEqual(["connected"]);
    await desk.clock.advance(45_000);
    await desk.settle();
    expect(desk.connections).toEqual(["connected", "reconnecting"]);
    desk.live.close();
  });

  it("wait longer each time the server is away, and not at all when the network is back", async () => {
    const desk = new Desk();
    desk.refusal = new ApiError({ status: null });
    void desk.live.run();
    await desk.settle();
    expect(desk.clock.waits()).toEqual([500]);
    await desk.clock.advance(500);
    await desk.settle();
    expect(desk.clock.waits()).toEqual([1_000]);
    desk.refusal = null;
    desk.live.wake();
    await desk.settle();
    expect(desk.connections.at(-1)).toBe("connected");
    desk.live.close();
  });

  it("wait as long as the server asks", async () => {
    const desk = new Desk();
    desk.refusal = new ApiError({ status: 503, retryAfterSeconds: 5 });
    void desk.live.run();
    await desk.settle();
    expect(desk.clock.waits()).toEqual([5_000]);
    desk.live.close();
  });

  it.each([401, 403, 404])("stop when the server answers %i", async (status) => {
    const desk = new Desk();
    desk.refusal = new ApiError({ status });
    await desk.live.run();
    expect(desk.connections).toEqual(["off"]);
  });

  it("stop when the page goes", async () => {
    const desk = await openDesk();
    desk.live.close();
    await desk.settle();
    expect(desk.connections).toEqual(["connected"]);
    expect(desk.clock.waits()).toEqual([]);
  });
});

describe("What an event makes stale", () => {
  it("is asked for again once, however many events come together", async () => {
    const clock = new ManualClock();
    const stale: string[] = [];
    const take = gatherStaleKeys(clock, (key) => stale.push(JSON.stringify(key)));
    for (const ref of ["TF-1", "TF-2", "TF-1"]) take({ name: "ticket", data: JSON.stringify({ ref }), id: null });
    take({ name: "weather", data: "rain", id: null });
    expect(stale).toEqual([]);
    await clock.advance(1_000);
    expect(stale).toEqual(['["tickets"]', '["ticket","TF-1"]', '["metrics"]', '["ticket","TF-2"]']);
    take({ name: "reset", data: "{}", id: null });
    await clock.advance(1_000);
    expect(stale.at(-1)).toBe("[]");
  });
});
