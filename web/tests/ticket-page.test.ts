import { beforeEach, describe, expect, it, vi } from "vitest";
import type { TicketApi } from "../src/shared/api";
import { find } from "../src/shared/dom";
import { TicketPage } from "../src/ticket/page";
import ticketHtml from "../ticket.html?raw";
import { sampleMessage, sampleTicket, settled, showPage, unreachable } from "./sample";

const REF = "TF-20261121-0001";

function openPage(reply: TicketApi["reply"] = () => new Promise(() => {})): TicketPage {
  showPage(ticketHtml);
  delete document.body.dataset["connection"];
  const api: TicketApi = { load: vi.fn(), openEvents: vi.fn(), rate: vi.fn(), reply };
  return new TicketPage(REF, api, () => {});
}

function replyBox(): HTMLTextAreaElement {
  return find("#reply-text", HTMLTextAreaElement);
}

function type(text: string): void {
  replyBox().value = text;
  replyBox().dispatchEvent(new Event("input", { bubbles: true }));
}

function pressSend(): void {
  find("#reply", HTMLFormElement).dispatchEvent(new Event("submit", { cancelable: true }));
}

function text(selector: string): string {
  return find(selector, HTMLElement).textContent ?? "";
}

beforeEach(() => sessionStorage.clear());

describe("The ticket page", () => {
  it("shows the state of the ticket", () => {
    openPage().show(sampleTicket({ status: "escalated", team: "Billing team", category: "billing", priority: "urgent" }));
    expect(text("#status")).toBe("With our team");
    expect(text("#handled-by")).toBe("Billing team");
    expect(text("#category")).toBe("Billing");
    expect(text("#priority")).toBe("Urgent");
    expect(document.title).toBe(`Cannot sign in · ${REF}`);
  });

  it("keeps a subject with markup as text", () => {
    openPage().show(sampleTicket({ subject: "<img src=x onerror=alert(1)>" }));
    expect(text("#subject")).toBe("<img src=x onerror=alert(1)>");
    expect(document.querySelector("#subject img")).toBeNull();
  });

  it("says that an answer is being looked for only while it is", () => {
    const page = openPage();
    page.show(sampleTicket({ answering: true }));
    expect(find("#answering", HTMLElement).hidden).toBe(false);
    expect(text("#answering-status")).toBe("Looking for an answer…");
    page.show(sampleTicket());
    expect(find("#answering", HTMLElement).hidden).toBe(true);
    expect(text("#answering-status")).toBe("");
  });

  it("offers a person under an automatic answer, and writes the request without sending it", () => {
    const reply = vi.fn();
    const answer = sampleMessage({ id: "m2", author: "assistant" });
    openPage(reply).show(sampleTicket({ status: "auto_resolved", messages: [sampleMessage(), answer] }));
    expect(find("#automatic", HTMLElement).hidden).toBe(false);
    type("It did not work.");
    find("#ask-person", HTMLButtonElement).click();
    expect(replyBox().value).toBe("It did not work.\n\nI would like to talk to a person, please.");
    expect(document.activeElement).toBe(replyBox());
    expect(reply).not.toHaveBeenCalled();
  });
});

describe("A reply", () => {
  it("keeps its draft over a reload until it is sent", () => {
    openPage();
    type("Half a sent");
    openPage();
    expect(replyBox().value).toBe("Half a sent");
    pressSend();
    expect(replyBox().value).toBe("");
    expect(text("#outgoing")).toContain("Sending…");
    openPage();
    expect(replyBox().value).toBe("");
    expect(text("#outgoing")).toContain("Half a sent");
  });

  it("that failed offers to try again and to edit", async () => {
    const reply = vi.fn<TicketApi["reply"]>().mockRejectedValue(unreachable());
    openPage(reply);
    type("Hello there");
    pressSend();
    await settled();
    expect(text("#outgoing")).toContain("Not sent");
    const [again, edit] = find("#outgoing", HTMLElement).querySelectorAll("button");
    again?.click();
    await settled();
    expect(reply.mock.calls[1]).toEqual(reply.mock.calls[0]);
    expect(edit?.textContent).toBe("Edit");
    find("#outgoing", HTMLElement).querySelectorAll("button")[1]?.click();
    expect(replyBox().value).toBe("Hello there");
    expect(text("#outgoing")).toBe("");
  });

  it("that is empty or too long is not sent and says so", () => {
    const reply = vi.fn();
    openPage(reply);
    pressSend();
    expect(text("#reply-error")).toBe("Write a message first.");
    type("x".repeat(10_001));
    pressSend();
    expect(text("#reply-error")).toBe("Your message is 1 character too many.");
    expect(replyBox().getAttribute("aria-invalid")).toBe("true");
    expect(replyBox().value).toHaveLength(10_001);
    expect(reply).not.toHaveBeenCalled();
  });

  it("is sent with Ctrl+Enter or Cmd+Enter, not with Enter alone", async () => {
    const reply = vi.fn<TicketApi["reply"]>().mockRejectedValue(unreachable());
    openPage(reply);
    for (const modifier of [{}, { ctrlKey: true }, { metaKey: true }]) {
      type("Hello");
      replyBox().dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", cancelable: true, ...modifier }));
      await settled();
    }
    expect(reply).toHaveBeenCalledTimes(2);
  });
});
