import {
  infiniteQueryOptions,
  keepPreviousData,
  queryOptions,
  useInfiniteQuery,
  useMutation,
  useQuery,
  useQueryClient,
  type QueryClient,
} from "@tanstack/react-query";
import { notifications } from "@mantine/notifications";
import { useApi } from "../../api/api-context";
import { read, type Api } from "../../api/client";
import { describeProblem } from "../../api/problems";
import { ROUTE_LABELS } from "./labels";
import { isDetail, type Correction, type Escalation, type Member, type Route } from "./types";
import type { Ticket, TicketDetail } from "./types";
import type { TicketQuery, TicketState, Verdict } from "./types";

const OTHER_TICKETS = 6;
const TEAMS_STAY_MS = 300_000;

export function useTicketList(query: TicketQuery) {
  const api = useApi();
  return useInfiniteQuery(
    infiniteQueryOptions({
      queryKey: ["tickets", query],
      queryFn: ({ pageParam: cursor, signal }) =>
        read(api.GET("/tickets", { params: { query: { ...query, cursor } }, signal })),
      initialPageParam: null as string | null,
      getNextPageParam: (page) => page.next_cursor,
      placeholderData: keepPreviousData,
    }),
  );
}

export function useCounts() {
  const api = useApi();
  return useQuery({
    queryKey: ["tickets", "counts"],
    queryFn: ({ signal }) => read(api.GET("/tickets/counts", { signal })),
  });
}

/** The newest tickets of a customer. */
export function useCustomerTickets(customerId: string) {
  const api = useApi();
  const query: TicketQuery = { customer_id: customerId, sort: "created", limit: OTHER_TICKETS };
  return useQuery({
    queryKey: ["tickets", query],
    queryFn: ({ signal }) => read(api.GET("/tickets", { params: { query }, signal })),
  });
}

export function useTicket(ref: string) {
  return useQuery(describeTicketQuery(useApi(), ref));
}

/** Asks for a ticket before it is opened. */
export function usePrefetchTicket(): (ref: string | null) => void {
  const api = useApi();
  const queries = useQueryClient();
  return (ref) => {
    if (ref !== null) void queries.prefetchQuery(describeTicketQuery(api, ref));
  };
}

export function useColleagues() {
  const api = useApi();
  return useQuery({ queryKey: ["agents"], queryFn: ({ signal }) => read(api.GET("/agents", { signal })) });
}

/** The name of the team behind each route, as admins have set it; names of the routes until they are known. */
export function useTeams(): Record<Route, string> {
  const api = useApi();
  const { data } = useQuery({
    queryKey: ["settings", "routes"],
    queryFn: ({ signal }) => read(api.GET("/settings/routes", { signal })),
    staleTime: TEAMS_STAY_MS,
  });
  return { ...ROUTE_LABELS, ...Object.fromEntries(data?.routes.map(({ category, team }) => [category, team]) ?? []) };
}

function describeTicketQuery(api: Api, ref: string) {
  return queryOptions({
    queryKey: ["ticket", ref],
    queryFn: ({ signal }): Promise<Ticket> => read(api.GET("/tickets/{ref}", { params: { path: { ref } }, signal })),
  });
}

export function useReply(ref: string) {
  const api = useApi();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ text, key }: { text: string; key: string }) =>
      read(
        api.POST("/tickets/{ref}/replies", {
          params: { path: { ref }, header: { "idempotency-key": key } },
          body: { text },
        }),
      ),
    onSuccess: ({ ticket }) => showState(queries, ticket),
    onSettled: () => refresh(queries, ref),
  });
}

export function useNote(ref: string) {
  const api = useApi();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (text: string) => read(api.POST("/tickets/{ref}/notes", { params: { path: { ref } }, body: { text } })),
    onSuccess: (note) => change(queries, ref, (ticket) => ({ notes: [...ticket.notes, note] })),
    onSettled: () => refresh(queries, ref),
  });
}

export function useEscalate(ref: string) {
  const api = useApi();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: Escalation) =>
      read(api.POST("/tickets/{ref}/escalate", { params: { path: { ref } }, body })),
    onSuccess: (state) => showState(queries, state),
    onSettled: () => refresh(queries, ref),
  });
}

/** Close, reopen, give back to the assistant. */
export function useStep(ref: string) {
  const api = useApi();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (step: "close" | "reopen" | "release") =>
      read(api.POST(`/tickets/{ref}/${step}`, { params: { path: { ref } } })),
    onSuccess: (state) => showState(queries, state),
    onError: complain("Nothing was changed"),
    onSettled: () => refresh(queries, ref),
  });
}

export function useAssign(ref: string) {
  const api = useApi();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (member: Member | null) =>
      read(api.POST("/tickets/{ref}/assign", { params: { path: { ref } }, body: { user_id: member?.id ?? null } })),
    onMutate: (assignee) => changeAhead(queries, ref, { assignee }),
    onSuccess: (state) => showState(queries, state),
    onError: (error, _, undo) => {
      undo?.();
      complain("The ticket was not assigned")(error);
    },
    onSettled: () => refresh(queries, ref),
  });
}

/** What a person knows of a reply that failed or is in doubt: it was sent, or it was not and goes out once more. */
export function useVerdict(ref: string) {
  const api = useApi();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ id, outcome }: Verdict & { id: string }) =>
      read(api.POST("/deliveries/{reply_id}/verdict", { params: { path: { reply_id: id } }, body: { outcome } })),
    onSuccess: (_, { id, outcome }) =>
      change(queries, ref, ({ messages }) => ({
        messages: messages.map((message) =>
          message.id === id ? { ...message, delivery: outcome === "sent" ? "sent" : "queued" } : message,
        ),
      })),
    onError: complain("Nothing was changed"),
    onSettled: () => refresh(queries, ref),
  });
}

export function useCorrect(ref: string) {
  const api = useApi();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: Correction) => read(api.PATCH("/tickets/{ref}", { params: { path: { ref } }, body })),
    onMutate: ({ category, priority, intent, route }) =>
      changeAhead(queries, ref, {
        ...(category && { category }),
        ...(priority && { priority }),
        ...(intent && { intent }),
        ...(route && { route }),
      }),
    onSuccess: (state) => showState(queries, state),
    onError: (error, _, undo) => {
      undo?.();
      complain("The ticket stays as it was")(error);
    },
    onSettled: () => refresh(queries, ref),
  });
}

/** Shows a change before the server has confirmed it. The function that comes back undoes it. */
async function changeAhead(queries: QueryClient, ref: string, ahead: Partial<TicketDetail>): Promise<() => void> {
  const queryKey = ["ticket", ref];
  await queries.cancelQueries({ queryKey });
  const before = queries.getQueryData<Ticket>(queryKey);
  change(queries, ref, () => ahead);
  return () => queries.setQueryData<Ticket>(queryKey, before);
}

function showState(queries: QueryClient, state: TicketState): void {
  change(queries, state.ticket_ref, () => state);
}

function change(queries: QueryClient, ref: string, describe: (ticket: TicketDetail) => Partial<TicketDetail>): void {
  queries.setQueryData<Ticket>(["ticket", ref], (ticket) =>
    ticket && isDetail(ticket) ? { ...ticket, ...describe(ticket) } : ticket,
  );
}

function refresh(queries: QueryClient, ref: string): void {
  void queries.invalidateQueries({ queryKey: ["ticket", ref] });
  void queries.invalidateQueries({ queryKey: ["tickets"] });
}

function complain(title: string): (error: unknown) => void {
  return (error) => notifications.show({ color: "red", title, message: describeProblem(error) });
}
