import { describe, expect, it } from "vitest";
import { createTicketApi, submitTicket, type Fetch } from "../src/shared/api";
import { ApiError, describeError, parseRetryAfter } from "../src/shared/api-error";
import { NOW, sampleSubmission, sampleTicket } from "./sample";

function problem(status: number, body: object, headers: Record<string, string> = {}): Fetch {
  const all = { "Content-Type": "application/problem+json", ...headers };
  return async () => new Response(JSON.stringify(body), { status, headers: all });
}

async function failureOf(fetch: Fetch): Promise<ApiError> {
  const error: unknown = await submitTicket(sampleSubmission(), "key", fetch).catch((reason: unknown) => reason);
  if (!(error instanceof ApiError)) throw new Error("expected an ApiError");
  return error;
}

describe("A failed request", () => {
  it("carries the fields the server complained about", async () => {
    const errors = [{ field: "email", message: "We cannot deliver there" }];
    const error = await failureOf(problem(422, { title: "Invalid", detail: "Check the fields", errors }));
    expect(error).toMatchObject({ status: 422, detail: "Check the fields", fields: errors });
  });

  it("carries how long to wait", async () => {
    const error = await failureOf(problem(429, {}, { "Retry-After": "30" }));
    expect(error.retryAfterSeconds).toBe(30);
    expect(describeError(error)).toContain("in 30 seconds");
  });

  it("says that nothing was reached when no answer came", async () => {
    const error = await failureOf(() => Promise.reject(new TypeError("Failed to fetch")));
    expect(error.status).toBeNull();
    expect(describeError(error)).toContain("could not reach");
  });

  it("does not show a proxy's HTML to the customer", async () => {
    const html = { status: 502, headers: { "Content-Type": "text/html" } };
    const error = await failureOf(async () => new Response("<h1>nginx</h1>", html));
    expect(error).toMatchObject({ status: 502, detail: "", fields: [] });
    expect(describeError(error)).not.toContain("nginx");
  });

  it("survives a problem that is no valid JSON", async () => {
    const broken = { status: 500, headers: { "Content-Type": "application/problem+json" } };
    expect(await failureOf(async () => new Response("{oops", broken))).toMatchObject({ status: 500, fields: [] });
  });

  it("counts as unreachable when its answer was cut short", async () => {
    expect((await failureOf(async () => new Response('{"ticket_re', { status: 202 }))).status).toBeNull();
  });

  it.each([
    [401, "does not open a ticket"],
    [404, "does not open a ticket"],
    [413, "too long"],
    [503, "busy"],
    [500, "try again"],
  ])("with status %i is explained in words", (status, words) => {
    expect(describeError(new ApiError({ status }))).toContain(words);
  });
});

describe("Retry-After", () => {
  it("is read as seconds or as a date", () => {
    expect(parseRetryAfter("120", NOW)).toBe(120);
    expect(parseRetryAfter("Sat, 21 Nov 2026 10:01:00 GMT", NOW)).toBe(60);
  });

  it("is nothing when missing or nonsense, and never negative", () => {
    expect(parseRetryAfter(null, NOW)).toBeNull();
    expect(parseRetryAfter("soon", NOW)).toBeNull();
    expect(parseRetryAfter("Sat, 21 Nov 2026 09:00:00 GMT", NOW)).toBe(0);
  });
});

describe("The ticket's requests", () => {
  it("send the token as a header and never in the address", async () => {
    const seen: { path: string; headers: Headers }[] = [];
    const fetch: Fetch = async (path, init) => {
      seen.push({ path, headers: new Headers(init.headers) });
      return new Response(JSON.stringify(sampleTicket()));
    };
    const api = createTicketApi("TF-1", "s3cret", fetch);
    await api.load();
    await api.reply("Hello", "key-1");
    await api.openEvents(new AbortController().signal);
    expect(seen.map(({ path }) => path)).toEqual([
      "/support/ticket/TF-1",
      "/support/ticket/TF-1/messages",
      "/support/ticket/TF-1/events",
    ]);
    for (const { headers } of seen) expect(headers.get("Authorization")).toBe("Bearer s3cret");
    expect(seen[1]?.headers.get("Idempotency-Key")).toBe("key-1");
  });
});
