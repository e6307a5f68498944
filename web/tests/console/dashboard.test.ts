import { describe, expect, it } from "vitest";
import { toChartPoints } from "../../src/console/pages/dashboard/chart-data";
import { sumUp, type Health } from "../../src/console/pages/dashboard/health";
import {
  chooseMoments, describeLength, formatCost, formatDuration, formatOr,
} from "../../src/console/pages/dashboard/format";
import { compare, MEASURES, sortRows, type Figures } from "../../src/console/pages/dashboard/measures";
import { checkDays, readView, toQuery, writeView } from "../../src/console/pages/dashboard/view";

const NOTHING: Figures = {
  messages_in: 0, messages_out: 0, tickets: 0, auto_resolved: 0, escalated: 0, reopened: 0, first_replies: 0,
  agent_turns: 0, ratings: 0, replies: 0, delivery_failures: 0, input_tokens: 0, cached_tokens: 0, output_tokens: 0,
  cost_usd: 0, unpriced_turns: 0,
};

describe("The address of a view", () => {
  it.each(["", "period=7d", "channel=gmail&channel=web", "from=2026-11-01&to=2026-11-20&channel=whatsapp"])(
    "says all of it: %s",
    (address) => expect(writeView(readView(new URLSearchParams(address))).toString()).toBe(address),
  );

  it("falls back to the last day of all channels where it is wrong", () => {
    const wrong = new URLSearchParams("period=2h&channel=fax&from=2026-11-20&to=2026-11-01");
    expect(readView(wrong)).toEqual({ span: "24h", channels: [] });
    expect(readView(new URLSearchParams("period=toString&from=x&to=y")).span).toBe("24h");
  });

  it("asks the server for whole days, the last one included", () => {
    const { from, to } = toQuery({ span: { from: "2026-11-01", to: "2026-11-20" }, channels: [] });
    expect(new Date(from ?? "")).toEqual(new Date(2026, 10, 1));
    expect(new Date(to ?? "")).toEqual(new Date(2026, 10, 21));
  });

  it("asks for a period and for channels by their names", () => {
    expect(toQuery({ span: "1h", channels: ["gmail"] })).toEqual({ period: "1h", channel: ["gmail"] });
    expect(toQuery({ span: "1h", channels: [] })).toEqual({ period: "1h" });
  });

  it("refuses days that the server would refuse", () => {
    expect(checkDays({ from: "2026-11-02", to: "2026-11-01" })).toContain("before the first");
    expect(checkDays({ from: "2025-11-20", to: "2026-11-21" })).toContain("366");
    expect(checkDays({ from: "2025-11-21", to: "2026-11-21" })).toBeNull();
    expect(checkDays({ from: "", to: "2026-11-21" })).toContain("Choose");
    expect(checkDays({ from: "1999-01-01", to: "1999-01-02" })).toContain("century");
  });
});

describe("A change", () => {
  const tell = (now: Partial<Figures>, before: Partial<Figures>) =>
    compare(MEASURES.firstReply, { ...NOTHING, ...now }, { ...NOTHING, ...before });

  it("is judged by what it means, not by its direction", () => {
    const faster = tell({ first_reply_p50_seconds: 3 }, { first_reply_p50_seconds: 4 });
    expect(faster).toEqual({ direction: "down", amount: "25%", verdict: "better" });
  });

  it("is told in points for a share and as it is for a mean", () => {
    const share = compare(MEASURES.autoResolved, { ...NOTHING, auto_resolve_rate: 0.7 }, { ...NOTHING, auto_resolve_rate: 0.75 });
    expect(share).toEqual({ direction: "down", amount: "5 points", verdict: "worse" });
    const mood = compare(MEASURES.mood, { ...NOTHING, sentiment_mean: 0.3 }, { ...NOTHING, sentiment_mean: -0.1 });
    expect(mood).toEqual({ direction: "up", amount: "0.40", verdict: "better" });
  });

  it("is not judged where more is only more", () => {
    const volume = compare(MEASURES.tickets, { ...NOTHING, tickets: 30 }, { ...NOTHING, tickets: 20 });
    expect(volume).toEqual({ direction: "up", amount: "50%", verdict: null });
  });

  it("is none where there is nothing to compare, and none that is too small to write", () => {
    expect(tell({ first_reply_p50_seconds: 3 }, {})).toBeNull();
    expect(compare(MEASURES.tickets, { ...NOTHING, tickets: 3 }, NOTHING)).toBeNull();
    expect(compare(MEASURES.tickets, NOTHING, NOTHING)?.direction).toBe("same");
    expect(tell({ first_reply_p50_seconds: 1000 }, { first_reply_p50_seconds: 1001 })?.direction).toBe("same");
  });

  it("stays readable where it is enormous", () => {
    expect(compare(MEASURES.tickets, { ...NOTHING, tickets: 5000 }, { ...NOTHING, tickets: 1 })?.amount).toBe("over 1,000%");
  });
});

describe("Figures", () => {
  it.each([
    [0, "0 s"], [0.85, "850 ms"], [0.9996, "1 s"], [4.23, "4.2 s"], [180, "3 min"], [5400, "1.5 h"], [180_000, "2.1 d"],
  ])("say %f seconds as %s", (seconds, text) => expect(formatDuration(seconds)).toBe(text.replace(" ", "\u00a0")));

  it("keep the fractions of a cent and show a dash for nothing", () => {
    expect(formatCost(0.0042)).toBe("$0.0042");
    expect(formatCost(12.3)).toBe("$12.30");
    expect(formatOr(formatCost, null)).toBe("–");
    expect(formatOr(formatCost, 0)).toBe("$0.00");
  });

  it("name whole days where the server cuts them, in UTC", () => {
    expect(chooseMoments(86_400).short("2026-11-21T00:00:00Z")).toBe("Nov 21");
    expect([3600, 86_400, 604_800].map(describeLength)).toEqual(["hour", "24 hours", "7 days"]);
  });

  it("order channels by a figure, with those that have none last either way", () => {
    const rows = [
      { label: "Gmail", figures: { ...NOTHING, rating_mean: 4 } },
      { label: "Mailbox", figures: NOTHING },
      { label: "Web", figures: { ...NOTHING, rating_mean: 5 } },
    ];
    const order = (isDescending: boolean) =>
      sortRows(rows, { measure: MEASURES.rating, isDescending }).map(({ label }) => label);
    expect(order(true)).toEqual(["Web", "Gmail", "Mailbox"]);
    expect(order(false)).toEqual(["Gmail", "Web", "Mailbox"]);
    expect(sortRows(rows, { measure: null, isDescending: true }).map(({ label }) => label)).toEqual(["Web", "Mailbox", "Gmail"]);
  });

  it("count a ticket once: solved, with a person, or neither yet", () => {
    const [point] = toChartPoints([{ ...NOTHING, at: "2026-11-21T00:00:00Z", tickets: 9, auto_resolved: 5, escalated: 3 }]);
    expect(point?.unsettled).toBe(1);
  });
});

describe("The desk at this moment", () => {
  const worker = {
    id: "01", brain: "offline", concurrency: 16, in_flight: 3, is_elected: true, started_at: "", silent_seconds: 1,
    is_alive: true,
  };
  const health: Health = {
    status: "ok", version: "1", paused: null, database: {}, queue: { threads: 5, claimable: 2, oldest_seconds: 7.4, dead_letters: 1 },
    workers: [worker, { ...worker, id: "02", is_alive: false }], channels: [], inboxes: [], undelivered: { failed: 2, unknown: 1 },
    brain: "offline",
  };

  it("counts only workers that are alive", () => {
    expect(sumUp(health)).toMatchObject({ workers: 1, busy: 3, slots: 16, waiting: 2, inWork: 3, undelivered: 3 });
    expect(sumUp(health).headline).toBe("All is well");
  });

  it("says that the desk is paused before anything else", () => {
    const paused = { since: "2026-11-22T08:00:00Z", is_restored: true, reason: "restored from a backup" };
    expect(sumUp({ ...health, status: "degraded", paused, workers: [] })).toMatchObject({ headline: "Paused", state: "troubled" });
  });

  it("says that nobody answers, and how many inboxes need somebody", () => {
    expect(sumUp({ ...health, status: "degraded", workers: [] })).toMatchObject({ headline: "Nobody answers", state: "troubled" });
    const inbox = {
      channel: "gmail", inbox: "a", state: "needs attention" as const, synced_at: null, watch_until: null,
      read_problem: null, read_problem_since: null, send_problem: null, send_problem_since: null, waiting: 0,
    };
    expect(sumUp({ ...health, status: "degraded", inboxes: [inbox, { ...inbox, state: "ok" }] }).headline).toBe("An inbox needs attention");
  });
});
