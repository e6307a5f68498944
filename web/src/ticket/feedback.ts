import { describeError } from "../shared/api-error";
import type { FeedbackAccepted, NewFeedback, Ticket } from "../shared/api-types";
import { find, setText } from "../shared/dom";
import type { Draft } from "../shared/draft";
import { countCharacters, describeRoom } from "../shared/length";
import { enhanceMessageBox } from "../shared/message-box";

const COMMENT_LIMIT = 2_000;

export interface FeedbackParts {
  /** Holds the form and what stands there once it was sent. */
  root: HTMLElement;
  draft: Draft<Unsent>;
  rate(feedback: NewFeedback): Promise<FeedbackAccepted>;
}

/** What the customer has chosen so far, as the form names it. */
export type Unsent = Record<string, string>;

/** Under an answer: asks whether it helped, says thanks and what happens next, and lets the customer change it. */
export class FeedbackForm {
  private readonly parts: FeedbackParts;
  private readonly form: HTMLFormElement;
  private readonly given: HTMLElement;
  private readonly refreshBox: () => void;
  private ticket: Ticket | null = null;
  private isChanging = false;

  constructor(parts: FeedbackParts) {
    this.parts = parts;
    this.form = find("form", HTMLFormElement, parts.root);
    this.given = find("#feedback-given", HTMLElement, parts.root);
    const comment = find("textarea", HTMLTextAreaElement, this.form);
    this.refreshBox = enhanceMessageBox(comment, find("#feedback-counter", HTMLElement, this.form), COMMENT_LIMIT);
    this.fillIn(parts.draft.load() ?? {});
    this.form.addEventListener("input", () => this.choose());
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.send();
    });
    find("#change-feedback", HTMLButtonElement, parts.root).addEventListener("click", () => this.change());
  }

  show(ticket: Ticket): void {
    this.ticket = ticket;
    this.render();
  }

  private render(): void {
    if (!this.ticket) return;
    const { feedback } = this.ticket;
    const isGiven = feedback !== null && !isAnsweredSince(this.ticket) && !this.isChanging;
    this.parts.root.hidden = !hasAnswer(this.ticket) || (this.ticket.answering && !isGiven);
    this.form.hidden = isGiven;
    this.given.hidden = !isGiven;
    find("#feedback-more", HTMLElement, this.form).hidden = readForm(this.form)["rating"] === undefined;
    if (feedback) setText(find("#feedback-thanks", HTMLElement, this.given), `Thank you: ${feedback.rating} of 5.`);
    setText(find("#feedback-next", HTMLElement, this.given), describeNext(this.ticket));
  }

  private choose(): void {
    this.parts.draft.save(readForm(this.form));
    this.showProblem(null);
    this.render();
  }

  /** The form begins with what was said before. */
  private change(): void {
    const feedback = this.ticket?.feedback;
    this.isChanging = true;
    if (feedback) {
      const { rating, resolved, comment } = feedback;
      this.fillIn({ rating: String(rating), resolved: resolved ? "yes" : "no", comment });
    }
    this.render();
    this.form.querySelector<HTMLInputElement>("input[name=rating]:checked")?.focus();
  }

  private async send(): Promise<void> {
    const feedback = readFeedback(readForm(this.form));
    if (typeof feedback === "string") return this.showProblem(feedback);
    const button = find("button[type=submit]", HTMLButtonElement, this.form);
    button.disabled = true;
    try {
      this.accept(feedback, await this.parts.rate(feedback));
    } catch (error) {
      this.showProblem(describeError(error));
    } finally {
      button.disabled = false;
    }
  }

  /** Says thanks at once; the ticket itself follows by the live connection. */
  private accept({ comment = "" }: NewFeedback, { rating, resolved, status, team }: FeedbackAccepted): void {
    this.isChanging = false;
    this.parts.draft.clear();
    this.fillIn({});
    if (this.ticket) {
      // Until the server says when; the customer's clock may be wrong.
      const created_at = this.ticket.messages.at(-1)?.created_at ?? "";
      this.ticket = { ...this.ticket, status, team, feedback: { rating, resolved, comment, created_at } };
    }
    this.render();
    this.given.focus();
  }

  private fillIn({ rating, resolved, comment = "" }: Unsent): void {
    for (const radio of this.form.querySelectorAll<HTMLInputElement>("input[type=radio]")) {
      radio.checked = radio.value === (radio.name === "rating" ? rating : resolved);
    }
    find("textarea", HTMLTextAreaElement, this.form).value = comment;
    this.refreshBox();
  }

  private showProblem(problem: string | null): void {
    setText(find("#feedback-error", HTMLElement, this.form), problem ?? "");
  }
}

/** What the customer's feedback leads to. */
export function describeNext({ feedback, status, team }: Ticket): string {
  if (!feedback) return "";
  if (!feedback.resolved) return `${team ?? "A person on our team"} looks into it and replies here.`;
  if (status === "closed") return "Your ticket is closed. If something is left, write below and it opens again.";
  return "We still look at what you have written since.";
}

/** The form's fields as a request, or what is missing. */
export function readFeedback(fields: Unsent): NewFeedback | string {
  const { rating, resolved, comment = "" } = fields;
  if (rating === undefined) return "Choose from 1 to 5 first.";
  if (resolved === undefined) return "Say whether your question is settled.";
  if (countCharacters(comment.trim()) > COMMENT_LIMIT) {
    return `Your comment is ${describeRoom(comment, COMMENT_LIMIT)}.`;
  }
  return { rating: Number(rating), resolved: resolved === "yes", comment };
}

function hasAnswer({ messages }: Ticket): boolean {
  return messages.some(({ author }) => author === "assistant" || author === "person");
}

/** A later answer is asked about anew. */
function isAnsweredSince({ feedback, messages }: Ticket): boolean {
  const answer = messages.findLast(({ author }) => author === "assistant" || author === "person");
  return feedback !== null && answer !== undefined && Date.parse(answer.created_at) > Date.parse(feedback.created_at);
}

function readForm(form: HTMLFormElement): Unsent {
  const fields = [...new FormData(form)].filter((field): field is [string, string] => typeof field[1] === "string");
  return Object.fromEntries(fields);
}
