import { describe, expect, it } from "vitest";
import { NO_FILTERS, countFilters, readFilters, toQuery, writeFilters } from "../../src/console/pages/tickets/filters";
import { describeSize } from "../../src/console/pages/tickets/files";
import { readName } from "../../src/console/pages/tickets/labels";
import { describeDue, shortenAge } from "../../src/console/pages/tickets/moments";
import { buildTimeline } from "../../src/console/pages/tickets/timeline";
import type { File, Message } from "../../src/console/pages/tickets/types";
import { findNeighbour, keepOrder } from "../../src/console/pages/tickets/walk";
import { NOW } from "../sample";

function at(secondsAgo: number): string {
  return new Date(NOW - secondsAgo * 1000).toISOString();
}

describe("The filters of the list", () => {
  it("come back from the address as they were put there", () => {
    const address = "view=mine&q=refund&sort=priority&channel=gmail&customer=c1&undelivered=";
    expect(writeFilters(readFilters(new URLSearchParams(address))).toString()).toBe(address);
  });

  it("leave an address alone that has none, and drop what no list knows", () => {
    expect(writeFilters(readFilters(new URLSearchParams("view=nonsense&channel=fax&sort=toString"))).toString()).toBe("");
  });

  it("become the API's question", () => {
    const filters = readFilters(new URLSearchParams("view=unassigned&q=+two+words+&assignee=me&undelivered="));
    expect(toQuery(filters)).toEqual({
      sort: "waiting",
      q: "two words",
      status: ["escalated"],
      assignee: "none",
      has_delivery_problem: true,
    });
  });

  it("are counted without view and search", () => {
    const filters = readFilters(new URLSearchParams("view=mine&q=refund&channel=gmail&undelivered="));
    expect(countFilters(filters)).toBe(2);
    expect(countFilters({ ...filters, ...NO_FILTERS })).toBe(0);
  });
});

describe("findNeighbour", () => {
  const refs = ["a", "b", "c"];

  it("goes one step and stops at the ends", () => {
    expect(findNeighbour(refs, { ref: "a", refs }, 1)).toBe("b");
    expect(findNeighbour(refs, { ref: "c", refs }, -1)).toBe("b");
    expect(findNeighbour(refs, { ref: "c", refs }, 1)).toBeNull();
    expect(findNeighbour(refs, { ref: "a", refs }, -1)).toBeNull();
  });

  it("begins at the top", () => {
    expect(findNeighbour(refs, { ref: null, refs }, 1)).toBe("a");
    expect(findNeighbour([], { ref: null, refs: [] }, 1)).toBeNull();
  });

  it("goes on from where a ticket stood that has moved or has left the list", () => {
    const opened = keepOrder({ ref: null, refs: [] }, "a", refs);
    const moved = keepOrder(opened, "a", ["b", "c", "a"]);
    expect(findNeighbour(["b", "c", "a"], moved, 1)).toBe("b");
    expect(findNeighbour(["c"], keepOrder(opened, "a", ["c"]), 1)).toBe("c");
  });

  it("goes on into pages that have come since", () => {
    const opened = keepOrder({ ref: null, refs: [] }, "c", refs);
    const longer = [...refs, "d"];
    expect(findNeighbour(longer, keepOrder(opened, "c", longer), 1)).toBe("d");
  });
});

describe("Times in the list", () => {
  it("are as short as they can be", () => {
    expect([20, 150, 7_300, 200_000, 20 * 86_400].map((age) => shortenAge(at(age), NOW))).toEqual([
      "now",
      "2m",
      "2h",
      "2d",
      "Nov 1",
    ]);
  });

  it("say whether a promise still holds", () => {
    expect(describeDue(at(-1_500), NOW)).toEqual({ text: "due in 25m", isLate: false });
    expect(describeDue(at(3 * 3_600), NOW)).toEqual({ text: "3h late", isLate: true });
  });
});

describe("buildTimeline", () => {
  it("puts messages, notes and feedback in the order in which they were said", () => {
    const message = { id: "m1", created_at: at(60) } as Message;
    const file = { id: "f1", message_id: "m1" } as File;
    const timeline = buildTimeline({
      messages: [message],
      attachments: [file],
      notes: [{ id: "n1", text: "Called.", written_by: "Ada", created_at: at(90) }],
      feedback: [{ rating: 4, resolved: true, comment: "", created_at: at(30) }],
    });
    expect(timeline.map(({ kind }) => kind)).toEqual(["note", "message", "feedback"]);
    expect(timeline[1]).toMatchObject({ files: [file] });
  });
});

describe("Words for what the API names", () => {
  it("are readable", () => {
    expect(readName("low_confidence")).toBe("Low confidence");
    expect([null, 900, 1_500, 2_345_678].map(describeSize)).toEqual(["", "900 B", "1.5 kB", "2.3 MB"]);
  });
});
