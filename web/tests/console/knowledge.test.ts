import { describe, expect, it } from "vitest";
import { splitBlocks, splitInline } from "../../src/console/pages/knowledge/blocks";
import { readChosen, toFilters, writeChosen } from "../../src/console/pages/knowledge/filters";
import { count, nameLanguage } from "../../src/console/pages/knowledge/labels";
import { reduceSending, type Sending } from "../../src/console/pages/knowledge/sending";
import type { Upload } from "../../src/console/pages/knowledge/types";
import { describeOutcome, describeProgress, findFault, isOver } from "../../src/console/pages/knowledge/upload-words";
import { markWords } from "../../src/console/pages/knowledge/words";

const UPLOAD: Upload = {
  id: "0",
  name: "hours.md",
  state: "queued",
  to_embed: null,
  embedded: 0,
  passages: null,
  problem: null,
  article_id: null,
  is_unchanged: false,
  is_draft: false,
  uploaded_by: "Ada Byron",
  created_at: "2026-11-21T09:30:00Z",
  finished_at: null,
};

describe("A passage", () => {
  it("is cut into paragraphs, lists and code", () => {
    const text = "First line\nsecond line\n\n1. one\n2) two\n   goes on\n- dash\n\n```\n- no list\n\n<b>\n```\nLast";
    expect(splitBlocks(text)).toEqual([
      { kind: "paragraph", text: "First line\nsecond line" },
      { kind: "list", isNumbered: true, items: ["one", "two goes on"] },
      { kind: "list", isNumbered: false, items: ["dash"] },
      { kind: "code", text: "- no list\n\n<b>" },
      { kind: "paragraph", text: "Last" },
    ]);
  });

  it("keeps code that is never closed", () => {
    expect(splitBlocks("```\nleft open")).toEqual([{ kind: "code", text: "left open" }]);
  });

  it("has strong words and code in its lines, and loses no letter", () => {
    expect(splitInline("Open **Settings** and `x`, 2 ** 3")).toEqual([
      { kind: "text", text: "Open " },
      { kind: "strong", text: "Settings" },
      { kind: "text", text: " and " },
      { kind: "code", text: "x" },
      { kind: "text", text: ", 2 ** 3" },
    ]);
  });
});

describe("The words of a question", () => {
  const mark = (text: string, question: string): string =>
    markWords(text, question)
      .map(({ text: part, isFound }) => (isFound ? `[${part}]` : part))
      .join("");

  it("are marked whatever their case, accents and endings", () => {
    expect(mark("Refunds: a REFUND for the Café.", "refunded cafe")).toBe("[Refunds]: a [REFUND] for the [Café].");
  });

  it("are whole words, and short ones are left out", () => {
    expect(mark("It is in the passport", "is it the pass in")).toBe("It is in [the] passport");
  });

  it("leave a text that has none of them as it is", () => {
    expect(markWords("Nothing here", "password?")).toEqual([{ text: "Nothing here", isFound: false }]);
    expect(markWords("", "password")).toEqual([]);
  });
});

describe("The filters of the list", () => {
  it("come back from the address as they went into it", () => {
    const chosen = { words: "30 days", state: "drafts", kind: "resolution", audience: "internal", language: "de" } as const;
    expect(readChosen(new URLSearchParams(writeChosen(chosen)))).toEqual(chosen);
    expect(writeChosen(readChosen(new URLSearchParams()))).toEqual({});
  });

  it("ask for nothing that an address makes up", () => {
    const chosen = readChosen(new URLSearchParams("state=secret&kind=x&audience=all&language=%3Cb%3E&q=+"));
    expect(toFilters(chosen)).toEqual({});
  });

  it("say to the API whether articles are published", () => {
    expect(toFilters(readChosen(new URLSearchParams("state=published&q=+pay+")))).toEqual({ q: "pay", is_published: true });
    expect(toFilters(readChosen(new URLSearchParams("state=drafts")))).toEqual({ is_published: false });
  });
});

describe("A file", () => {
  it.each([
    ["prices.xlsx", 10, /Save it as/],
    ["empty.md", 0, /empty/],
    ["book.PDF", 10 * 1024 * 1024 + 1, /larger than 10 MB/],
  ])("%s of %d bytes is refused before it is sent", (name, size, fault) => {
    expect(findFault({ name, size })).toMatch(fault);
  });

  it("that the desk reads may be sent", () => {
    expect(findFault({ name: "Book.PDF", size: 10 * 1024 * 1024 })).toBeNull();
  });

  it("shows how far it has come", () => {
    expect(describeProgress(UPLOAD)).toEqual({ text: "Waiting for a worker", percent: null });
    const embedding: Upload = { ...UPLOAD, state: "embedding", to_embed: 8, embedded: 2 };
    expect(describeProgress(embedding)).toEqual({ text: "2 of 8 texts taken in", percent: 25 });
    expect(describeProgress({ ...embedding, to_embed: 0, embedded: 0 }).percent).toBeNull();
    expect([UPLOAD, embedding].some(isOver)).toBe(false);
  });

  it("says what became of it", () => {
    const done: Upload = { ...UPLOAD, state: "done", passages: 1 };
    expect(isOver(done)).toBe(true);
    expect(describeOutcome(done)).toBe("1 passage. The desk answers from it now.");
    expect(describeOutcome({ ...done, is_draft: true, passages: 12 })).toMatch(/^12 passages, as a draft/);
    expect(describeOutcome({ ...done, is_unchanged: true })).toMatch(/^Already there/);
  });
});

describe("Files on their way", () => {
  const waiting = (id: number): Sending => ({ id, name: `${id}.md`, state: "waiting", problem: null });

  it("stand before those of an earlier choice and leave once the server has them", () => {
    let sendings = reduceSending([waiting(1)], { kind: "chosen", files: [waiting(2), waiting(3)] });
    expect(sendings.map(({ id }) => id)).toEqual([2, 3, 1]);
    sendings = reduceSending(sendings, { kind: "started", id: 3 });
    sendings = reduceSending(sendings, { kind: "gone", id: 2 });
    expect(sendings).toEqual([{ ...waiting(3), state: "sending" }, waiting(1)]);
  });

  it("stay with their problem when they are refused", () => {
    const [refused] = reduceSending([waiting(1)], { kind: "refused", id: 1, problem: "It is no PDF." });
    expect(refused).toEqual({ ...waiting(1), state: "refused", problem: "It is no PDF." });
  });
});

describe("Labels", () => {
  it("name languages and count", () => {
    expect([nameLanguage("de"), nameLanguage(null), nameLanguage("zzz")]).toEqual(["German", "Any language", "zzz"]);
    expect([count(1, "passage"), count(1200, "word")]).toEqual(["1 passage", "1,200 words"]);
  });
});
