import type { TicketApi } from "../shared/api";
import type { Ticket } from "../shared/api-types";
import { find, setText } from "../shared/dom";
import { createDraft } from "../shared/draft";
import { refreshTimes } from "../shared/time";
import { Composer } from "./composer";
import { Conversation } from "./conversation";
import { FeedbackForm } from "./feedback";
import { Latest } from "./latest";
import type { Connection } from "./live";
import { Outbox } from "./outbox";
import { renderOutgoing } from "./outgoing-list";
import { describeProgress } from "./progress";
import { showSummary } from "./summary";

/** The ticket on the screen: shows what the server says and what the customer has on the way. */
export class TicketPage {
  private ticket: Ticket | null = null;
  private readonly conversation: Conversation;
  private readonly latest: Latest;
  private readonly composer: Composer;
  private readonly feedback: FeedbackForm;
  private readonly outbox: Outbox;
  private readonly onSent: () => void;

  constructor(ref: string, api: TicketApi, onSent: () => void) {
    this.onSent = onSent;
    const messages = find("#messages", HTMLOListElement);
    this.conversation = new Conversation(messages);
    this.latest = new Latest(messages, find("#end", HTMLElement), find("#to-latest", HTMLButtonElement));
    this.outbox = new Outbox({
      kept: createDraft(`nightdesk.outgoing.${ref}`),
      reply: (text, key) => api.reply(text, key),
      onChange: () => this.showOutgoing(),
    });
    this.composer = new Composer({
      form: find("#reply", HTMLFormElement),
      draft: createDraft(`nightdesk.reply.${ref}`),
      onSend: (text) => void this.send(text),
    });
    this.feedback = new FeedbackForm({
      root: find("#feedback", HTMLElement),
      draft: createDraft(`nightdesk.feedback.${ref}`),
      rate: (feedback) => api.rate(feedback),
    });
    find("#ask-person", HTMLButtonElement).addEventListener("click", () => this.composer.askForPerson());
    this.showOutgoing();
  }

  show(ticket: Ticket): void {
    const now = Date.now();
    const isFirst = this.ticket === null;
    const wasAtEnd = this.latest.isInView();
    this.ticket = ticket;
    showSummary(document, ticket, now);
    const added = this.conversation.update(ticket.messages, now);
    this.outbox.settle(ticket.messages);
    this.showAnswering(ticket);
    this.showAutomatic();
    this.feedback.show(ticket);
    this.reveal();
    const hasNews = !isFirst && added.some(({ author }) => author !== "customer");
    if (isFirst || (hasNews && wasAtEnd)) this.latest.showLastMessage();
    else if (hasNews) this.latest.offer();
    this.showTitle(ticket, hasNews);
  }

  showConnection(connection: Connection): void {
    if (document.body.dataset["connection"] === connection) return;
    document.body.dataset["connection"] = connection;
    if (connection === "connected") this.outbox.retryUnconfirmed();
    if (connection === "reconnecting" && this.ticket === null) {
      setText(find("#loading", HTMLElement), "We cannot reach the support desk right now. Trying again…");
    }
  }

  /** Ages grow and promises run out while nothing happens. */
  tick(now: number): void {
    refreshTimes(document, now);
    if (this.ticket) setText(find("#progress", HTMLElement), describeProgress(this.ticket, now));
  }

  private async send(text: string): Promise<void> {
    const sending = this.outbox.send(text, this.ticket?.messages.at(-1)?.id ?? null);
    this.latest.showEnd();
    await sending;
    this.onSent();
  }

  private showOutgoing(): void {
    const wasAtEnd = this.latest.isInView();
    const messages = this.outbox.list();
    renderOutgoing(find("#outgoing", HTMLOListElement), messages, {
      retry: (key) => void this.outbox.retry(key).then(this.onSent),
      edit: (key) => this.composer.add(this.outbox.take(key)),
    });
    setText(find("#outgoing-status", HTMLElement), describeOutgoing(messages.map(({ state }) => state)));
    this.showAutomatic();
    if (wasAtEnd && messages.length > 0) this.latest.showEnd();
  }

  private showAnswering(ticket: Ticket): void {
    find("#answering", HTMLElement).hidden = !ticket.answering;
    setText(find("#answering-status", HTMLElement), ticket.answering ? "Looking for an answer…" : "");
  }

  /** Under an automatic answer: says so and offers a person, until the customer has replied. */
  private showAutomatic(): void {
    const last = this.ticket?.messages.findLast(({ author }) => author !== "system");
    const isLast = last?.author === "assistant" && this.outbox.list().length === 0;
    find("#automatic", HTMLElement).hidden = !isLast || this.ticket?.status === "escalated";
  }

  private reveal(): void {
    find("#loading", HTMLElement).hidden = true;
    find("#ticket", HTMLElement).hidden = false;
  }

  private showTitle(ticket: Ticket, hasNews: boolean): void {
    const isUnseen = document.hidden && (hasNews || document.title.startsWith("New reply"));
    document.title = `${isUnseen ? "New reply · " : ""}${ticket.subject} · ${ticket.ticket_ref}`;
  }
}

function describeOutgoing(states: string[]): string {
  if (states.includes("failed")) return "A message was not sent. You can try again.";
  return states.includes("sending") ? "Sending…" : "";
}
