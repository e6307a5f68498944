import { useInfiniteQuery, useMutation, useQuery, useQueryClient, type QueryKey } from "@tanstack/react-query";
import { useApi } from "../../api/api-context";
import { read } from "../../api/client";
import type { AccountChange, AuditFilters, Channel, ChannelChange, EscalationRoute, NewAccount, NewKey } from "./types";

const PAGE = 50;
const WATCH_MS = 1_000;
const MOST_NAMES = 200;

/** What changes something, and which queries are asked again once it has. */
function useChange<Given, Answer>(stale: QueryKey, mutationFn: (given: Given) => Promise<Answer>) {
  const queries = useQueryClient();
  return useMutation({ mutationFn, onSuccess: () => queries.invalidateQueries({ queryKey: stale }) });
}

export function useChannels() {
  const api = useApi();
  return useQuery({
    queryKey: ["settings", "channels"],
    queryFn: ({ signal }) => read(api.GET("/settings/channels", { signal })),
    refetchInterval: 15_000, // no event tells of a mailbox that was read
  });
}

/** Shows the change at once, and takes it back if the server refuses it. */
export function useChannelChange({ channel, inbox }: Channel) {
  const api = useApi();
  const queries = useQueryClient();
  const queryKey = ["settings", "channels"];
  return useMutation({
    mutationFn: (body: ChannelChange) =>
      read(api.PATCH("/settings/channels/{channel}/{inbox}", { params: { path: { channel, inbox } }, body })),
    async onMutate(change) {
      await queries.cancelQueries({ queryKey });
      const before = queries.getQueryData<{ channels: Channel[] }>(queryKey);
      const isOther = (view: Channel): boolean => view.channel !== channel || view.inbox !== inbox;
      const { enabled, ...others } = change;
      const parts = { ...others, ...(typeof enabled === "boolean" ? { enabled } : {}) };
      queries.setQueryData<{ channels: Channel[] }>(queryKey, (list) =>
        list && { channels: list.channels.map((view) => (isOther(view) ? view : { ...view, ...parts })) },
      );
      return before;
    },
    onError: (_error, _change, before) => queries.setQueryData(queryKey, before),
    onSettled: () => queries.invalidateQueries({ queryKey }),
  });
}

export function useTestMessage({ channel, inbox }: Channel) {
  const api = useApi();
  return useMutation({
    mutationFn: (to: string | null) =>
      read(api.POST("/settings/channels/{channel}/{inbox}/test", { params: { path: { channel, inbox } }, body: { to } })),
  });
}

/** Follows a test message until the vendor has taken it or not. */
export function useDelivery(id: string | null) {
  const api = useApi();
  return useQuery({
    queryKey: ["settings", "test-message", id],
    queryFn: ({ signal }) =>
      read(api.GET("/settings/test-messages/{message_id}", { params: { path: { message_id: id ?? "" } }, signal })),
    enabled: id !== null,
    refetchInterval: ({ state }) => (state.data?.state === "done" || state.data?.state === "failed" ? false : WATCH_MS),
  });
}

export function useRoutes() {
  const api = useApi();
  return useQuery({
    queryKey: ["settings", "routes"],
    queryFn: ({ signal }) => read(api.GET("/settings/routes", { signal })),
  });
}

export function useRouteChange() {
  const api = useApi();
  return useChange(["settings", "routes"], ({ category, ...body }: EscalationRoute) =>
    read(api.PUT("/settings/routes/{category}", { params: { path: { category } }, body })),
  );
}

export function useAccounts() {
  const api = useApi();
  return useInfiniteQuery({
    queryKey: ["settings", "users"],
    queryFn: ({ pageParam, signal }) => {
      const query = { limit: PAGE, ...(pageParam === null ? {} : { before: pageParam }) };
      return read(api.GET("/users", { params: { query }, signal }));
    },
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
  });
}

export function useOpening() {
  const api = useApi();
  return useChange(["settings", "users"], (body: NewAccount) => read(api.POST("/users", { body })));
}

export function useAccountChange(id: string) {
  const api = useApi();
  return useChange(["settings", "users"], (body: AccountChange) =>
    read(api.PATCH("/users/{user_id}", { params: { path: { user_id: id } }, body })),
  );
}

export function usePasswordReset(id: string) {
  const api = useApi();
  return useMutation({
    mutationFn: (password: string) =>
      read(api.POST("/users/{user_id}/password", { params: { path: { user_id: id } }, body: { password } })),
  });
}

export function useOwnPassword() {
  const api = useApi();
  return useMutation({
    mutationFn: (body: { current: string; new: string }) => read(api.POST("/auth/password", { body })),
  });
}

export function useKeys() {
  const api = useApi();
  return useInfiniteQuery({
    queryKey: ["settings", "keys"],
    queryFn: ({ pageParam, signal }) => {
      const query = { limit: PAGE, ...(pageParam === null ? {} : { before: pageParam }) };
      return read(api.GET("/keys", { params: { query }, signal }));
    },
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
  });
}

/** The answer holds the key itself, so it is not kept once nobody shows it. */
export function useMakingKey() {
  const api = useApi();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: NewKey) => read(api.POST("/keys", { body })),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["settings", "keys"] }),
    gcTime: 0,
  });
}

export function useRevoking() {
  const api = useApi();
  return useChange(["settings", "keys"], (id: string) =>
    read(api.DELETE("/keys/{key_id}", { params: { path: { key_id: id } } })),
  );
}

export function useAuditLog(filters: AuditFilters) {
  const api = useApi();
  return useInfiniteQuery({
    queryKey: ["settings", "audit", filters],
    queryFn: ({ pageParam, signal }) => {
      const query = { ...filters, limit: PAGE, ...(pageParam === null ? {} : { before: pageParam }) };
      return read(api.GET("/audit", { params: { query }, signal }));
    },
    initialPageParam: null as number | null,
    getNextPageParam: (page) => page.next,
    placeholderData: (before) => before,
  });
}

/** Reads up to twenty thousand entries, so only when somebody asks. */
export function useAuditCheck() {
  const api = useApi();
  return useMutation({ mutationFn: () => read(api.GET("/audit/verify")) });
}

/** What people and machines are called, by their ids: the audit log knows only these. */
export function useNames() {
  const api = useApi();
  return useQuery({
    queryKey: ["settings", "names"],
    queryFn: async ({ signal }) => {
      const query = { limit: MOST_NAMES };
      const [{ users }, { keys }] = await Promise.all([
        read(api.GET("/users", { params: { query }, signal })),
        read(api.GET("/keys", { params: { query }, signal })),
      ]);
      return new Map([
        ...users.map(({ id, name, email }) => [id, name || email] as const),
        ...keys.map(({ id, name }) => [id, name] as const),
      ]);
    },
    staleTime: 60_000,
  });
}
