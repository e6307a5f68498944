import type { FieldProblem, Problem } from "./api-types";

interface ApiErrorParts {
  status: number | null;
  detail?: string | undefined;
  fields?: FieldProblem[] | undefined;
  retryAfterSeconds?: number | null;
}

/** A request that did not succeed. `status` is null when no answer arrived at all. */
export class ApiError extends Error {
  readonly status: number | null;
  readonly detail: string;
  readonly fields: FieldProblem[];
  readonly retryAfterSeconds: number | null;

  constructor(parts: ApiErrorParts) {
    super(parts.detail || `HTTP ${parts.status ?? "unreachable"}`);
    this.name = "ApiError";
    this.status = parts.status;
    this.detail = parts.detail ?? "";
    this.fields = parts.fields ?? [];
    this.retryAfterSeconds = parts.retryAfterSeconds ?? null;
  }
}

export async function readApiError(response: Response, now: number): Promise<ApiError> {
  const problem = await readProblem(response);
  return new ApiError({
    status: response.status,
    detail: problem.detail || problem.title,
    fields: Array.isArray(problem.errors) ? problem.errors : [],
    retryAfterSeconds: parseRetryAfter(response.headers.get("Retry-After"), now),
  });
}

async function readProblem(response: Response): Promise<Problem> {
  // A proxy in front of the server answers errors in HTML; its text is not meant for customers.
  if (!response.headers.get("Content-Type")?.includes("json")) return {};
  try {
    const body: unknown = await response.json();
    return typeof body === "object" && body !== null ? body : {};
  } catch {
    return {};
  }
}

/** Retry-After is either seconds or an HTTP date. */
export function parseRetryAfter(value: string | null, now: number): number | null {
  if (value === null || value.trim() === "") return null;
  const seconds = Number(value);
  if (Number.isFinite(seconds)) return Math.max(0, Math.ceil(seconds));
  const date = Date.parse(value);
  return Number.isNaN(date) ? null : Math.max(0, Math.ceil((date - now) / 1000));
}

/** What went wrong and what to do about it, in the customer's words. */
export function describeError(error: unknown): string {
  if (!(error instanceof ApiError)) return "Something went wrong on this page. Please try again.";
  switch (error.status) {
    case null:
      return "We could not reach the support desk. Check your connection, then try again.";
    case 401:
    case 404:
      return "This link does not open a ticket. Check that you have the whole link.";
    case 413:
      return "This message is too long to send. Please shorten it.";
    case 429:
      return `That was a lot of messages at once. Please try again ${describeWait(error.retryAfterSeconds)}.`;
    case 503:
      return `The support desk is busy. Please try again ${describeWait(error.retryAfterSeconds)}.`;
    default:
      return error.detail || "The support desk could not take this. Please try again in a moment.";
  }
}

/** "in 20 seconds", from a Retry-After. */
export function describeWait(seconds: number | null): string {
  if (seconds === null || seconds < 5) return "in a moment";
  if (seconds < 90) return `in ${seconds} seconds`;
  return `in ${Math.ceil(seconds / 60)} minutes`;
}
