import type { Citation } from "./api-types";

export type TextPart = { kind: "text"; text: string } | { kind: "citation"; citation: Citation };

/** Cuts a text at its [1] markers. A marker without a source is just text. */
export function splitCitations(text: string, citations: readonly Citation[]): TextPart[] {
  const sources = new Map(citations.map((citation) => [citation.number, citation]));
  const parts: TextPart[] = [];
  let end = 0;
  for (const marker of text.matchAll(/\[(\d{1,3})\]/g)) {
    const citation = sources.get(Number(marker[1]));
    if (!citation) continue;
    if (marker.index > end) parts.push({ kind: "text", text: text.slice(end, marker.index) });
    parts.push({ kind: "citation", citation });
    end = marker.index + marker[0].length;
  }
  if (end < text.length) parts.push({ kind: "text", text: text.slice(end) });
  return parts;
}
