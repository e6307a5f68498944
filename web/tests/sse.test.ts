import { describe, expect, it } from "vitest";
import { EventStreamParser, readEvents, type ServerEvent } from "../src/shared/sse";

function parse(...chunks: string[]): ServerEvent[] {
  const parser = new EventStreamParser();
  return chunks.flatMap((chunk) => parser.push(chunk));
}

function streamOf(...chunks: Uint8Array[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      chunks.forEach((chunk) => controller.enqueue(chunk));
      controller.close();
    },
  });
}

describe("The event stream", () => {
  it("yields an event with its name and data", () => {
    expect(parse('event: ticket\ndata: {"a":1}\n\n')).toEqual([{ name: "ticket", data: '{"a":1}', id: null }]);
  });

  it("yields the same events wherever it is cut", () => {
    const text = "event: ticket\r\ndata: one\r\n\r\n: keep-alive\r\n\r\nevent: ticket\r\ndata: two\r\ndata: three\r\n\r\n";
    const whole = parse(text);
    expect(whole.map(({ data }) => data)).toEqual(["one", "two\nthree"]);
    for (let cut = 0; cut <= text.length; cut += 1) {
      expect(parse(text.slice(0, cut), text.slice(cut))).toEqual(whole);
    }
    expect(parse(...text)).toEqual(whole);
  });

  it("ends lines at LF, CRLF and a lone CR alike", () => {
    const lines = ["event: ticket", "data: x", "", ""];
    for (const end of ["\n", "\r\n", "\r"])
      expect(parse(lines.join(end))).toEqual([{ name: "ticket", data: "x", id: null }]);
  });

  it("joins several data lines with line feeds", () => {
    expect(parse("data: first\ndata:\ndata: third\n\n")).toEqual([{ name: "message", data: "first\n\nthird", id: null }]);
  });

  it("ignores comments, unknown fields and events without data", () => {
    expect(parse(": keep-alive\n\n", "id: 7\nretry: 10\nfoo\n\n", "event: ticket\n\n")).toEqual([]);
  });

  it("forgets the name after each event", () => {
    expect(parse("event: ticket\ndata: a\n\ndata: b\n\n").map(({ name }) => name)).toEqual(["ticket", "message"]);
  });

  it("remembers the last id for the events after it", () => {
    const text = "data: a\n\nid: 7\ndata: b\n\ndata: c\n\n";
    expect(parse(text).map(({ id }) => id)).toEqual([null, "7", "7"]);
  });

  it("takes away only one space after the colon", () => {
    expect(parse("data:  two\n\n")[0]?.data).toBe(" two");
  });

  it("does not yield an event that was cut off by the end of the stream", () => {
    expect(parse("event: ticket\ndata: half")).toEqual([]);
  });

  it("keeps characters whole that were cut between their bytes", async () => {
    const bytes = new TextEncoder().encode("data: 👩‍👩‍👧 مرحبا\n\n");
    const events: ServerEvent[] = [];
    let heard = 0;
    const chunks = Array.from(bytes, (_, index) => bytes.slice(index, index + 1));
    await readEvents(streamOf(...chunks), (event) => events.push(event), () => (heard += 1));
    expect(events).toEqual([{ name: "message", data: "👩‍👩‍👧 مرحبا", id: null }]);
    expect(heard).toBe(bytes.length);
  });
});
