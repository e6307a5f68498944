import { useInfiniteQuery, useMutation } from "@tanstack/react-query";
import type { components } from "../../../generated/api";
import { createDraft } from "../../../shared/draft";
import { IdempotencyKey } from "../../../shared/idempotency";
import { useApi } from "../../api/api-context";
import { read } from "../../api/client";

const LOOK_AGAIN_MS = 20_000;

export type OwnTicket = components["schemas"]["TicketRow"];
export type NewTicket = Pick<components["schemas"]["NewTicket"], "subject" | "category" | "message">;

const key = new IdempotencyKey(createDraft("nightdesk.own.key"));

/** The newest first. Customers hear no events, so that the list is asked for again from time to time. */
export function useOwnTickets() {
  const api = useApi();
  return useInfiniteQuery({
    queryKey: ["tickets", "own"],
    queryFn: ({ pageParam: cursor, signal }) => read(api.GET("/tickets", { params: { query: { cursor } }, signal })),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    refetchInterval: LOOK_AGAIN_MS,
  });
}

/** Opens a ticket; who repeats the same words after an error does not open a second one. */
export function useOpening() {
  const api = useApi();
  return useMutation({
    mutationFn(written: NewTicket) {
      const body = { ...written, priority: "medium" as const };
      return read(api.POST("/tickets", { body, params: { header: { "idempotency-key": key.keyFor(body) } } }));
    },
    onSuccess: () => key.accepted(),
  });
}
