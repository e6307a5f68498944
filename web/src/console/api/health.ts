import { useQuery } from "@tanstack/react-query";
import { useApi } from "./api-context";
import { read } from "./client";

const EVERY_MS = 10_000;

/** Queue, workers and inboxes as they are now. Only for those who may read tickets; others are refused. */
export function useHealth(isAllowed: boolean) {
  const api = useApi();
  return useQuery({
    queryKey: ["queue", "health"],
    queryFn: ({ signal }) => read(api.GET("/health/detailed", { signal })),
    refetchInterval: EVERY_MS,
    enabled: isAllowed,
  });
}
