import { create } from "../shared/dom";
import type { OutgoingMessage } from "./outbox";

export interface OutgoingActions {
  retry(key: string): void;
  edit(key: string): void;
}

const STATE_LABELS: Record<OutgoingMessage["state"], string> = {
  sending: "Sending…",
  sent: "Sent",
  failed: "Not sent",
};

/** Messages on their way, under the conversation and outside its log: they are announced once, on arrival. */
export function renderOutgoing(
  list: HTMLOListElement,
  messages: readonly OutgoingMessage[],
  actions: OutgoingActions,
): void {
  list.replaceChildren(...messages.map((message) => renderOne(message, actions)));
}

function renderOne(message: OutgoingMessage, actions: OutgoingActions): HTMLLIElement {
  const head = create("p", { class: "message__head" }, create("strong", {}, "You"), STATE_LABELS[message.state]);
  const bubble = create("div", { class: "bubble", dir: "auto" }, message.text);
  const item = create("li", { class: `message message--customer message--${message.state}` }, head, bubble);
  if (message.state === "failed") item.append(renderFailure(message, actions));
  return item;
}

function renderFailure({ key, problem }: OutgoingMessage, actions: OutgoingActions): HTMLElement {
  const retry = create("button", { type: "button", class: "button button--small" }, "Try again");
  const edit = create("button", { type: "button", class: "button button--small" }, "Edit");
  retry.addEventListener("click", () => actions.retry(key));
  edit.addEventListener("click", () => actions.edit(key));
  return create("div", { class: "failure" }, create("p", { class: "failure__text" }, problem ?? ""), retry, edit);
}
