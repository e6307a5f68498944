import { beforeEach, describe, expect, it, vi } from "vitest";
import { ApiError } from "../src/shared/api-error";
import type { FeedbackAccepted, Message, NewFeedback, Ticket } from "../src/shared/api-types";
import { find } from "../src/shared/dom";
import { describeNext, FeedbackForm, readFeedback, type Unsent } from "../src/ticket/feedback";
import ticketHtml from "../ticket.html?raw";
import { MemoryDraft, sampleMessage, sampleTicket, settled, showPage } from "./sample";

const ANSWER: Message = sampleMessage({ id: "m2", author: "assistant", created_at: "2026-11-21T09:56:00Z" });
const ANSWERED: Ticket = sampleTicket({ status: "auto_resolved", messages: [sampleMessage(), ANSWER] });
const HAPPY = { rating: 5, resolved: true, comment: "", created_at: "2026-11-21T09:57:00Z" };

type Rate = (feedback: NewFeedback) => Promise<FeedbackAccepted>;

async function accept({ rating, resolved }: NewFeedback): Promise<FeedbackAccepted> {
  const status = resolved ? "closed" : "escalated";
  return { ticket_ref: ANSWERED.ticket_ref, status, rating, resolved, team: resolved ? null : "Support team" };
}

function open(ticket: Ticket, rate: Rate = accept, draft = new MemoryDraft<Unsent>()) {
  showPage(ticketHtml);
  const root = find("#feedback", HTMLElement);
  const form = new FeedbackForm({ root, draft, rate });
  form.show(ticket);
  return { root, form, draft };
}

function choose(name: string, value: string): void {
  const radio = find(`input[name=${name}][value="${value}"]`, HTMLInputElement);
  radio.checked = true;
  radio.dispatchEvent(new Event("input", { bubbles: true }));
}

async function send(): Promise<void> {
  find("#feedback form", HTMLFormElement).dispatchEvent(new Event("submit", { cancelable: true }));
  await settled();
}

function text(selector: string): string {
  return find(selector, HTMLElement).textContent ?? "";
}

beforeEach(() => sessionStorage.clear());

describe("Feedback", () => {
  it("is asked for only when there is an answer", () => {
    expect(open(sampleTicket()).root.hidden).toBe(true);
    expect(open(ANSWERED).root.hidden).toBe(false);
    expect(open({ ...ANSWERED, answering: true }).root.hidden).toBe(true);
  });

  it("asks for the rest once a rating is chosen", () => {
    open(ANSWERED);
    expect(find("#feedback-more", HTMLElement).hidden).toBe(true);
    choose("rating", "4");
    expect(find("#feedback-more", HTMLElement).hidden).toBe(false);
  });

  it("is sent as chosen, says thanks and what happens next", async () => {
    const rate = vi.fn(accept);
    open(ANSWERED, rate);
    choose("rating", "2");
    choose("resolved", "no");
    find("#feedback-comment", HTMLTextAreaElement).value = "The link is dead.";
    await send();
    expect(rate).toHaveBeenCalledWith({ rating: 2, resolved: false, comment: "The link is dead." });
    expect(text("#feedback-thanks")).toBe("Thank you: 2 of 5.");
    expect(text("#feedback-next")).toBe("Support team looks into it and replies here.");
    expect(document.activeElement).toBe(find("#feedback-given", HTMLElement));
  });

  it("stays in the form with the reason when it could not be sent", async () => {
    const { draft } = open(ANSWERED, async () => {
      throw new ApiError({ status: null });
    });
    choose("rating", "2");
    choose("resolved", "no");
    await send();
    expect(text("#feedback-error")).toContain("could not reach");
    expect(draft.value).toEqual({ rating: "2", resolved: "no", comment: "" });
    expect(find("#feedback form button[type=submit]", HTMLButtonElement).disabled).toBe(false);
  });

  it("survives a reload until it is sent", () => {
    const { draft } = open(ANSWERED);
    choose("rating", "3");
    open(ANSWERED, accept, draft);
    expect(find('input[name=rating][value="3"]', HTMLInputElement).checked).toBe(true);
  });

  it("can be changed, beginning with what was said before", async () => {
    const rate = vi.fn(accept);
    open({ ...ANSWERED, status: "closed", feedback: HAPPY }, rate);
    expect(find("#feedback form", HTMLFormElement).hidden).toBe(true);
    find("#change-feedback", HTMLButtonElement).click();
    expect(find('input[name=rating][value="5"]', HTMLInputElement).checked).toBe(true);
    choose("rating", "1");
    choose("resolved", "no");
    await send();
    expect(rate).toHaveBeenCalledWith({ rating: 1, resolved: false, comment: "" });
  });

  it("is asked for anew after a later answer", () => {
    const later = sampleMessage({ id: "m3", author: "person", created_at: "2026-11-21T09:58:00Z" });
    open({ ...ANSWERED, feedback: HAPPY, messages: [...ANSWERED.messages, later] });
    expect(find("#feedback form", HTMLFormElement).hidden).toBe(false);
  });
});

describe("readFeedback", () => {
  it("says what is missing", () => {
    expect(readFeedback({})).toBe("Choose from 1 to 5 first.");
    expect(readFeedback({ rating: "4" })).toBe("Say whether your question is settled.");
    expect(readFeedback({ rating: "4", resolved: "yes", comment: "x".repeat(2001) })).toContain("1 character too many");
  });
});

describe("describeNext", () => {
  it("tells a closed ticket from one that somebody looks into", () => {
    expect(describeNext({ ...ANSWERED, status: "closed", feedback: HAPPY })).toContain("closed");
    expect(describeNext({ ...ANSWERED, feedback: { ...HAPPY, resolved: false } })).toContain("A person");
    expect(describeNext({ ...ANSWERED, status: "open", feedback: HAPPY })).toContain("written since");
  });
});
