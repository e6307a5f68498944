/** What the dashboard asks the server. Live events make it ask again; the intervals are for time that passes. */

import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useApi } from "../../api/api-context";
import { read } from "../../api/client";
import { toQuery, type View } from "./view";

const FIGURES_EVERY_MS = 60_000;

/** The figures of a view. While another is fetched, those of the one before stay. */
export function useChannelMetrics(view: View) {
  const api = useApi();
  return useQuery({
    queryKey: ["metrics", "channels", view],
    queryFn: ({ signal }) => read(api.GET("/metrics/channels", { params: { query: toQuery(view) }, signal })),
    placeholderData: keepPreviousData,
    refetchInterval: FIGURES_EVERY_MS,
  });
}

/** All tickets that there are, and those that wait. */
export function useDeskMetrics() {
  const api = useApi();
  return useQuery({
    queryKey: ["metrics", "desk"],
    queryFn: ({ signal }) => read(api.GET("/admin/metrics", { signal })),
    refetchInterval: FIGURES_EVERY_MS,
  });
}
