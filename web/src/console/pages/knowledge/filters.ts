import type { ArticleFilters } from "./types";

export type State = "all" | "published" | "drafts";

/** What stands in the address of the list, so that a filtered list can be sent to somebody. */
export interface Chosen {
  words: string;
  state: State;
  kind: "article" | "resolution" | null;
  audience: "public" | "internal" | null;
  language: string | null;
}

export function readChosen(address: URLSearchParams): Chosen {
  return {
    words: address.get("q") ?? "",
    state: pick(address.get("state"), ["published", "drafts"] as const) ?? "all",
    kind: pick(address.get("kind"), ["article", "resolution"] as const),
    audience: pick(address.get("audience"), ["public", "internal"] as const),
    language: /^[a-z]{2,3}$/.test(address.get("language") ?? "") ? address.get("language") : null,
  };
}

export function writeChosen({ words, state, kind, audience, language }: Chosen): Record<string, string> {
  return {
    ...(words === "" ? {} : { q: words }),
    ...(state === "all" ? {} : { state }),
    ...(kind === null ? {} : { kind }),
    ...(audience === null ? {} : { audience }),
    ...(language === null ? {} : { language }),
  };
}

/** The same as the API asks for it. */
export function toFilters({ words, state, kind, audience, language }: Chosen): ArticleFilters {
  return {
    ...(words.trim() === "" ? {} : { q: words.trim() }),
    ...(state === "all" ? {} : { is_published: state === "published" }),
    ...(kind === null ? {} : { kind }),
    ...(audience === null ? {} : { audience }),
    ...(language === null ? {} : { language }),
  };
}

function pick<Value extends string>(given: string | null, allowed: readonly Value[]): Value | null {
  return allowed.find((value) => value === given) ?? null;
}
