import { describe, expect, it, vi } from "vitest";
import { sendSubmission } from "../src/form/send";
import { ApiError } from "../src/shared/api-error";
import type { SubmissionAccepted } from "../src/shared/api-types";
import { IdempotencyKey, newKey } from "../src/shared/idempotency";
import { MemoryDraft, sampleSubmission, sampleTicket, unreachable } from "./sample";

const ACCEPTED: SubmissionAccepted = {
  ticket_ref: "TF-20261121-0001",
  ticket_token: "a+b/c=&d",
  sla: sampleTicket().sla,
  status_url: "/support/ticket/TF-20261121-0001?token=ignored",
};

function countingKey(kept = new MemoryDraft<{ key: string; content: string }>()): IdempotencyKey {
  let count = 0;
  return new IdempotencyKey(kept, () => `key-${(count += 1)}`);
}

describe("Sending the form", () => {
  it("leads to the ticket page with the token kept intact", async () => {
    const result = await sendSubmission(sampleSubmission(), countingKey(), async () => ACCEPTED);
    if (result.kind !== "accepted") throw new Error(result.kind);
    const address = new URL(result.address, "https://desk.example");
    expect(address.pathname).toBe("/ticket/TF-20261121-0001");
    expect(address.searchParams.get("token")).toBe("a+b/c=&d");
  });

  it("asks the server nothing while the form is incomplete", async () => {
    const submit = vi.fn();
    const result = await sendSubmission(sampleSubmission({ email: "" }), countingKey(), submit);
    expect(result).toMatchObject({ kind: "invalid", problems: [{ field: "email" }] });
    expect(submit).not.toHaveBeenCalled();
  });

  it("uses the same key when the same content is tried again after a lost answer", async () => {
    const submit = vi.fn().mockRejectedValueOnce(unreachable()).mockResolvedValue(ACCEPTED);
    const key = countingKey();
    await sendSubmission(sampleSubmission(), key, submit);
    await sendSubmission(sampleSubmission({ name: "Mara Lind  " }), key, submit);
    expect(submit.mock.calls.map((call) => call[1])).toEqual(["key-1", "key-1"]);
  });

  it("uses a new key once the content changed", async () => {
    const submit = vi.fn().mockRejectedValue(unreachable());
    const key = countingKey();
    await sendSubmission(sampleSubmission(), key, submit);
    await sendSubmission(sampleSubmission({ message: "More words" }), key, submit);
    expect(submit.mock.calls.map((call) => call[1])).toEqual(["key-1", "key-2"]);
  });

  it("uses a new key for the same content once it was accepted", async () => {
    const submit = vi.fn().mockResolvedValue(ACCEPTED);
    const key = countingKey();
    await sendSubmission(sampleSubmission(), key, submit);
    await sendSubmission(sampleSubmission(), key, submit);
    expect(submit.mock.calls.map((call) => call[1])).toEqual(["key-1", "key-2"]);
  });

  it("keeps the key over a reload", () => {
    const kept = new MemoryDraft<{ key: string; content: string }>();
    const before = countingKey(kept).keyFor(sampleSubmission());
    expect(new IdempotencyKey(kept, () => "another").keyFor(sampleSubmission())).toBe(before);
  });

  it("hands the server's field errors to the form", async () => {
    const fields = [{ field: "subject", message: "Too vague" }];
    const submit = vi.fn().mockRejectedValue(new ApiError({ status: 422, fields }));
    const result = await sendSubmission(sampleSubmission(), countingKey(), submit);
    expect(result).toEqual({ kind: "invalid", problems: fields });
  });

  it("says what to do when the desk cannot be reached", async () => {
    const result = await sendSubmission(sampleSubmission(), countingKey(), () => Promise.reject(unreachable()));
    expect(result).toMatchObject({ kind: "failed", message: expect.stringContaining("connection") });
  });
});

describe("A new key", () => {
  it("is a UUID, also where crypto.randomUUID is missing", () => {
    const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
    expect(newKey()).toMatch(uuid);
    vi.spyOn(crypto, "randomUUID").mockImplementation(undefined as never);
    Object.defineProperty(crypto, "randomUUID", { value: undefined, configurable: true });
    expect(newKey()).toMatch(uuid);
    expect(newKey()).not.toBe(newKey());
  });
});
