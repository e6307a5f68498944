import { QueryClient } from "@tanstack/react-query";
import { ApiError } from "../../shared/api-error";
import { reconnectDelay } from "../../shared/backoff";

const TRIES = 4;
/** Live events say when something changed; this long, nobody need ask again without one. */
const FRESH_MS = 15_000;

export function createQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: FRESH_MS,
        networkMode: "always",
        retry: (failures, error) => failures < TRIES && isPassing(error),
        retryDelay: (attempt) => reconnectDelay(attempt),
      },
      mutations: { networkMode: "always" },
    },
  });
}

/** The server is away or busy: the same question may be answered soon. */
export function isPassing(error: unknown): boolean {
  return error instanceof ApiError && (error.status === null || error.status === 429 || error.status >= 502);
}
