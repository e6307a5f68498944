import { ApiError, readApiError } from "./api-error";
import type { ApiPath, FeedbackAccepted, NewFeedback, ReplyAccepted, Submission, SubmissionAccepted, Ticket } from "./api-types";

const REQUEST_TIMEOUT_MS = 20_000;

export type Fetch = (path: string, init: RequestInit) => Promise<Response>;

export interface TicketApi {
  load(): Promise<Ticket>;
  reply(message: string, idempotencyKey: string): Promise<ReplyAccepted>;
  rate(feedback: NewFeedback): Promise<FeedbackAccepted>;
  openEvents(signal: AbortSignal): Promise<ReadableStream<Uint8Array>>;
}

const browserFetch: Fetch = (path, init) => fetch(path, init);

export function submitTicket(
  submission: Submission,
  idempotencyKey: string,
  fetch: Fetch = browserFetch,
): Promise<SubmissionAccepted> {
  return requestJson(fetch, "/support/submit" satisfies ApiPath, {
    method: "POST",
    headers: { "Content-Type": "application/json", "Idempotency-Key": idempotencyKey },
    body: JSON.stringify(submission),
  });
}

export function createTicketApi(ref: string, token: string, fetch: Fetch = browserFetch): TicketApi {
  const path = `/support/ticket/${encodeURIComponent(ref)}`;
  const authorization = { Authorization: `Bearer ${token}` };

  return {
    load: () => requestJson(fetch, path, { headers: authorization, cache: "no-store" }),

    reply: (message, idempotencyKey) =>
      requestJson(fetch, `${path}/messages`, {
        method: "POST",
        headers: { ...authorization, "Content-Type": "application/json", "Idempotency-Key": idempotencyKey },
        body: JSON.stringify({ message }),
      }),

    rate: (feedback) =>
      requestJson(fetch, `${path}/feedback`, {
        method: "POST",
        headers: { ...authorization, "Content-Type": "application/json" },
        body: JSON.stringify(feedback),
      }),

    async openEvents(signal) {
      const headers = { ...authorization, Accept: "text/event-stream" };
      const response = await request(fetch, `${path}/events`, { headers, cache: "no-store", signal });
      if (response.body === null) throw new ApiError({ status: null, detail: "The event stream has no body." });
      return response.body;
    },
  };
}

async function requestJson<Body>(fetch: Fetch, path: string, init: RequestInit): Promise<Body> {
  const response = await request(fetch, path, { ...init, signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) });
  try {
    return (await response.json()) as Body;
  } catch {
    throw new ApiError({ status: null, detail: "The answer was cut short." });
  }
}

async function request(fetch: Fetch, path: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, init);
  } catch {
    throw new ApiError({ status: null });
  }
  if (!response.ok) throw await readApiError(response, Date.now());
  return response;
}
