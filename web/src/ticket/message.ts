import type { Author, Message } from "../shared/api-types";
import { create } from "../shared/dom";
import { renderTime } from "../shared/time";
import { splitCitations } from "../shared/citations";
import { renderMarker, renderSources } from "./sources";

const AUTHOR_LABELS: Record<Author, string> = {
  customer: "You",
  assistant: "Assistant",
  person: "Support team",
  system: "Update",
};

export function renderMessage(message: Message, now: number): HTMLLIElement {
  if (message.author === "system") return renderSystemMessage(message, now);
  const item = create("li", { class: `message message--${message.author}` }, renderHead(message, now));
  if (message.citations.length === 0) {
    item.append(create("div", { class: "bubble", dir: "auto" }, message.text));
    return item;
  }
  const sources = renderSources(message.citations);
  const parts = splitCitations(message.text, message.citations).map((part) =>
    part.kind === "text" ? part.text : renderMarker(part.citation, sources),
  );
  item.append(create("div", { class: "bubble", dir: "auto" }, ...parts), sources.element);
  return item;
}

function renderHead(message: Message, now: number): HTMLElement {
  const head = create("p", { class: "message__head" });
  head.append(create("strong", {}, AUTHOR_LABELS[message.author]));
  if (message.author === "assistant") head.append(create("span", { class: "tag" }, "Automatic"));
  head.append(renderTime(message.created_at, now));
  return head;
}

function renderSystemMessage(message: Message, now: number): HTMLLIElement {
  const text = create("span", { dir: "auto" }, message.text);
  return create("li", { class: "message message--system" }, text, renderTime(message.created_at, now));
}
