import { describe, expect, it } from "vitest";
import { ApiError } from "../src/shared/api-error";
import type { ReplyAccepted } from "../src/shared/api-types";
import { Outbox, type OutgoingMessage } from "../src/ticket/outbox";
import { MemoryDraft, sampleMessage, settled, unreachable } from "./sample";

type Answer = { text: string; key: string; accept(id: string): void; fail(error: ApiError): void };

function openOutbox(kept = new MemoryDraft<OutgoingMessage[]>()) {
  const requests: Answer[] = [];
  let count = 0;
  const outbox = new Outbox({
    kept,
    createKey: () => `key-${(count += 1)}`,
    onChange: () => {},
    reply: (text, key) =>
      new Promise<ReplyAccepted>((resolve, fail) => {
        requests.push({ text, key, fail, accept: (id) => resolve({ ticket_ref: "TF-1", message_id: id }) });
      }),
  });
  return { outbox, requests, kept };
}

async function failFirst() {
  const opened = openOutbox();
  void opened.outbox.send("Hello", null);
  await settled();
  opened.requests[0]?.fail(unreachable());
  await settled();
  return opened;
}

describe("A message on its way", () => {
  it("is shown as sending at once", () => {
    const { outbox } = openOutbox();
    void outbox.send("Hello", null);
    expect(outbox.list()).toMatchObject([{ text: "Hello", state: "sending" }]);
  });

  it("stays until the ticket shows it", async () => {
    const { outbox, requests, kept } = openOutbox();
    void outbox.send("Hello", null);
    await settled();
    requests[0]?.accept("m9");
    await settled();
    expect(outbox.list()).toMatchObject([{ state: "sent" }]);
    outbox.settle([sampleMessage({ id: "m9" })]);
    expect(outbox.list()).toEqual([]);
    expect(kept.value).toBeNull();
  });

  it("is not shown twice when the ticket is faster than the answer", async () => {
    const { outbox, requests, kept } = openOutbox();
    void outbox.send("Hello", "m1");
    outbox.settle([sampleMessage({ id: "m1" }), sampleMessage({ id: "m2", text: "Hello" })]);
    expect(outbox.list()).toEqual([]);
    expect(kept.value).toHaveLength(1);
    await settled();
    requests[0]?.accept("m2");
    await settled();
    expect(kept.value).toBeNull();
  });

  it("is not mistaken for an older message with the same words", () => {
    const { outbox } = openOutbox();
    void outbox.send("Hello", "m1");
    outbox.settle([sampleMessage({ id: "m1", text: "Hello" })]);
    expect(outbox.list()).toHaveLength(1);
  });

  it("waits for the one before, so that they arrive in order", async () => {
    const { outbox, requests } = openOutbox();
    void outbox.send("first", null);
    void outbox.send("second", null);
    await settled();
    expect(requests.map(({ text }) => text)).toEqual(["first"]);
    requests[0]?.fail(new ApiError({ status: 429 }));
    await settled();
    expect(requests.map(({ text }) => text)).toEqual(["first", "second"]);
  });

  it("says why it was not sent", async () => {
    const { outbox } = await failFirst();
    expect(outbox.list()).toMatchObject([{ state: "failed", problem: expect.stringContaining("could not reach") }]);
  });

  it("is tried again with the same key", async () => {
    const { outbox, requests } = await failFirst();
    void outbox.retry("key-1");
    await settled();
    expect(requests.map(({ key }) => key)).toEqual(["key-1", "key-1"]);
  });

  it("is tried again by itself once the connection is back, unless the server refused it", async () => {
    const { outbox, requests } = await failFirst();
    outbox.retryUnconfirmed();
    await settled();
    requests[1]?.fail(new ApiError({ status: 422 }));
    await settled();
    outbox.retryUnconfirmed();
    await settled();
    expect(requests).toHaveLength(2);
  });

  it("can be taken back for editing", async () => {
    const { outbox, kept } = await failFirst();
    expect(outbox.take("key-1")).toBe("Hello");
    expect(outbox.list()).toEqual([]);
    expect(kept.value).toBeNull();
  });

  it("survives a reload in the middle of sending, with its key", async () => {
    const { outbox, kept } = openOutbox();
    void outbox.send("Hello", null);
    const reloaded = openOutbox(kept);
    expect(reloaded.outbox.list()).toMatchObject([{ text: "Hello", state: "failed" }]);
    reloaded.outbox.retryUnconfirmed();
    await settled();
    expect(reloaded.requests).toMatchObject([{ text: "Hello", key: "key-1" }]);
  });
});
