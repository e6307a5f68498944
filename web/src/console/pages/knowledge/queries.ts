import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useApi } from "../../api/api-context";
import { read, type Api } from "../../api/client";
import type { Article, ArticleFilters, Audience, FileFields, Upload } from "./types";
import { isOver } from "./upload-words";

const PAGE = 50;
const WATCH_MS = 1_000;

export function useArticles(filters: ArticleFilters) {
  const api = useApi();
  return useInfiniteQuery({
    queryKey: ["knowledge", "articles", filters],
    queryFn: ({ pageParam, signal }) => {
      const query = { ...filters, limit: PAGE, ...(pageParam === null ? {} : { cursor: pageParam }) };
      return read(api.GET("/knowledge/articles", { params: { query }, signal }));
    },
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    placeholderData: (before) => before, // what was found before stays until the next answer is there
  });
}

export function useArticle(id: string) {
  const api = useApi();
  return useQuery({
    queryKey: ["knowledge", "article", id],
    queryFn: ({ signal }) =>
      read(api.GET("/knowledge/articles/{article_id}", { params: { path: { article_id: id } }, signal })),
  });
}

export function usePublishing(id: string) {
  const api = useApi();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (shallPublish: boolean) => {
      const options = { params: { path: { article_id: id } } };
      return read<Article>(
        shallPublish
          ? api.POST("/knowledge/articles/{article_id}/publish", options)
          : api.POST("/knowledge/articles/{article_id}/unpublish", options),
      );
    },
    onSuccess(article) {
      queries.setQueryData(["knowledge", "article", id], article);
      void queries.invalidateQueries({ queryKey: ["knowledge", "articles"] });
    },
  });
}

export function useDeleting(id: string) {
  const api = useApi();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: () => read(api.DELETE("/knowledge/articles/{article_id}", { params: { path: { article_id: id } } })),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["knowledge", "articles"] }),
  });
}

/** Uploads, newest first. Asks every second for as long as a worker has something to do with one. */
export function useUploads() {
  const api = useApi();
  return useInfiniteQuery({
    queryKey: ["knowledge", "uploads"],
    queryFn: ({ pageParam, signal }) => {
      const query = { limit: PAGE, ...(pageParam === null ? {} : { cursor: pageParam }) };
      return read(api.GET("/knowledge/uploads", { params: { query }, signal }));
    },
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    refetchInterval: ({ state }) =>
      state.data?.pages.some(({ uploads }) => !uploads.every(isOver)) ? WATCH_MS : false,
  });
}

/** Raises ApiError; its fields say what is wrong with the file. */
export function sendFile(api: Api, file: File, said: FileFields): Promise<Upload> {
  const call = api.POST("/knowledge/uploads", {
    body: { file: file.name, ...said },
    bodySerializer: () => writeForm(file, said),
  });
  return read(call);
}

function writeForm(file: File, said: FileFields): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(said)) form.set(name, String(value));
  form.set("file", file);
  return form;
}

export function useSearchTrial(query: string, audience: Audience) {
  const api = useApi();
  return useQuery({
    queryKey: ["knowledge", "search", query, audience],
    queryFn: ({ signal }) => read(api.POST("/knowledge/search", { body: { query, audience, limit: 10 }, signal })),
    enabled: query !== "",
    retry: false, // that no worker is running is an answer
    staleTime: Infinity,
    refetchOnWindowFocus: false,
  });
}
