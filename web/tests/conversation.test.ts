import { beforeEach, describe, expect, it } from "vitest";
import { create, find } from "../src/shared/dom";
import { Conversation } from "../src/ticket/conversation";
import { splitCitations } from "../src/shared/citations";
import { NOW, sampleMessage } from "./sample";

const SOURCE = { number: 1, title: "Reset a forgotten password", excerpt: "Open the <b>sign-in</b> page." };
const ANSWER = sampleMessage({ id: "m2", author: "assistant", text: "Use the link [1] soon.", citations: [SOURCE] });

let list: HTMLOListElement;
let conversation: Conversation;

beforeEach(() => {
  list = create("ol");
  document.body.replaceChildren(list);
  conversation = new Conversation(list);
});

function bubbles(): string[] {
  return [...list.querySelectorAll(".bubble")].map((bubble) => bubble.textContent ?? "");
}

describe("A message", () => {
  it.each(["<b>bold</b> <img src=x onerror=alert(1)> &amp;", "<script>alert(1)</script>", "سلام (403) مرحبا", "👩‍👩‍👧 🙏🏽\n\nline"])(
    "stays text: %s",
    (text) => {
      conversation.update([sampleMessage({ text }), { ...ANSWER, text }], NOW);
      expect(bubbles()).toEqual([text, text]);
      expect(list.querySelector("b, img, script")).toBeNull();
    },
  );

  it("finds its own text direction", () => {
    conversation.update([sampleMessage()], NOW);
    expect(list.querySelector(".bubble")?.getAttribute("dir")).toBe("auto");
  });

  it("says how old it is, with the exact moment beside", () => {
    conversation.update([sampleMessage()], NOW);
    const time = find("time", HTMLTimeElement, list);
    expect(time.textContent).toBe("5 minutes ago");
    expect(time.getAttribute("datetime")).toBe("2026-11-21T09:55:00Z");
    expect(time.title).toContain("2026");
  });

  it("by the assistant is marked as automatic, one by a person is not", () => {
    conversation.update([ANSWER, sampleMessage({ id: "m3", author: "person" })], NOW);
    expect(list.children[0]?.textContent).toContain("Automatic");
    expect(list.children[1]?.textContent).not.toContain("Automatic");
  });

  it("from the system has no bubble", () => {
    conversation.update([sampleMessage({ author: "system", text: "Handed to Billing" })], NOW);
    expect(bubbles()).toEqual([]);
    expect(list.textContent).toContain("Handed to Billing");
  });
});

describe("A citation", () => {
  it("becomes a button that opens its source and moves there", () => {
    conversation.update([ANSWER], NOW);
    const marker = find("button.marker", HTMLButtonElement, list);
    const sources = find("details", HTMLDetailsElement, list);
    expect(marker.getAttribute("aria-label")).toBe("Source 1: Reset a forgotten password");
    expect(sources.open).toBe(false);
    marker.click();
    expect(sources.open).toBe(true);
    expect(document.activeElement?.className).toBe("source");
    expect(document.activeElement?.textContent).toContain("Open the <b>sign-in</b> page.");
  });

  it("without a source stays text", () => {
    expect(splitCitations("See [1], [2] and [x].", [SOURCE])).toEqual([
      { kind: "text", text: "See " },
      { kind: "citation", citation: SOURCE },
      { kind: "text", text: ", [2] and [x]." },
    ]);
  });

  it("never makes a customer's own brackets into buttons", () => {
    conversation.update([sampleMessage({ text: "row [1] fails" })], NOW);
    expect(list.querySelector("button")).toBeNull();
  });
});

describe("The conversation", () => {
  it("leaves unchanged messages alone, so an opened source stays open", () => {
    conversation.update([sampleMessage(), ANSWER], NOW);
    const before = [...list.children];
    find("details", HTMLDetailsElement, list).open = true;
    const added = conversation.update([sampleMessage(), structuredClone(ANSWER), sampleMessage({ id: "m3" })], NOW);
    expect([...list.children].slice(0, 2)).toEqual(before);
    expect(find("details", HTMLDetailsElement, list).open).toBe(true);
    expect(added.map(({ id }) => id)).toEqual(["m3"]);
  });

  it("follows the server's order, changes and removals", () => {
    const [a, b, c] = ["a", "b", "c"].map((id) => sampleMessage({ id, text: id })) as [typeof ANSWER, typeof ANSWER, typeof ANSWER];
    conversation.update([a, b, c], NOW);
    conversation.update([c, { ...a, text: "a2" }], NOW);
    expect(bubbles()).toEqual(["c", "a2"]);
  });
});
