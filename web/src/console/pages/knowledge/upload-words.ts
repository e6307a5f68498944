import type { Upload } from "./types";

export const MAX_BYTES = 10 * 1024 * 1024;
export const SUFFIXES = [".htm", ".html", ".markdown", ".md", ".pdf", ".txt"];

export interface Progress {
  text: string;
  /** From 0 to 100; null while nobody knows. */
  percent: number | null;
}

export function isOver({ state }: Upload): boolean {
  return state === "done" || state === "failed";
}

/** What can be said against a file before it is sent; the server looks into it as well. */
export function findFault(file: Pick<File, "name" | "size">): string | null {
  const name = file.name.toLowerCase();
  if (!SUFFIXES.some((suffix) => name.endsWith(suffix))) {
    return "The desk reads Markdown, text, HTML and PDF. Save it as one of these.";
  }
  if (file.size === 0) return "It is empty.";
  if (file.size > MAX_BYTES) return "It is larger than 10 MB. Split it into several files.";
  return null;
}

export function describeProgress({ state, to_embed, embedded }: Upload): Progress {
  switch (state) {
    case "queued":
      return { text: "Waiting for a worker", percent: null };
    case "reading":
      return { text: "Being read", percent: null };
    case "embedding": {
      const all = to_embed ?? 0;
      return all === 0
        ? { text: "Being stored", percent: null }
        : { text: `${embedded} of ${all} texts taken in`, percent: (embedded / all) * 100 };
    }
    case "done":
    case "failed":
      return { text: "", percent: 100 };
  }
}

export function describeOutcome({ is_unchanged, is_draft, passages }: Upload): string {
  if (is_unchanged) return "Already there: the article says this, so nothing changed.";
  const size = passages === 1 ? "1 passage" : `${(passages ?? 0).toLocaleString("en")} passages`;
  return is_draft ? `${size}, as a draft. Publish it when it is right.` : `${size}. The desk answers from it now.`;
}
