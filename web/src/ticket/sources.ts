import type { Citation } from "../shared/api-types";
import { create } from "../shared/dom";

export interface Sources {
  element: HTMLDetailsElement;
  /** Opens the list at one source and moves there. */
  reveal(citation: Citation): void;
}

/** The passages an answer rests on, folded away under it. */
export function renderSources(citations: readonly Citation[]): Sources {
  const items = new Map(citations.map((citation) => [citation.number, renderSource(citation)]));
  const count = citations.length === 1 ? "1 source" : `${citations.length} sources`;
  const element = create(
    "details",
    { class: "sources" },
    create("summary", {}, count),
    create("ul", { class: "sources__list" }, ...items.values()),
  );
  // Opened at the lower edge of the window, the list would unfold out of sight.
  element.addEventListener("toggle", () => element.open && element.scrollIntoView({ block: "nearest" }));
  return {
    element,
    reveal({ number }) {
      element.open = true;
      items.get(number)?.focus();
    },
  };
}

export function renderMarker(citation: Citation, sources: Sources): HTMLButtonElement {
  const label = `Source ${citation.number}: ${citation.title}`;
  const attributes = { type: "button", class: "marker", "aria-label": label, title: citation.title };
  const button = create("button", attributes, String(citation.number));
  button.addEventListener("click", () => sources.reveal(citation));
  return button;
}

function renderSource({ number, title, excerpt }: Citation): HTMLLIElement {
  return create(
    "li",
    { class: "source", tabindex: "-1" },
    create("span", { class: "source__number", "aria-hidden": "true" }, String(number)),
    create("strong", { class: "source__title", dir: "auto" }, title),
    create("p", { class: "source__excerpt", dir: "auto" }, excerpt),
  );
}
