import { describe, expect, it } from "vitest";
import { describeAge, describeDeadline } from "../src/shared/time";
import { readAddress } from "../src/ticket/address";
import { describeDuration, describeProgress } from "../src/ticket/progress";
import { NOW, sampleMessage, sampleTicket } from "./sample";

describe("The sentence on top of the ticket", () => {
  it("tells a new customer when to expect a reply", () => {
    expect(describeProgress(sampleTicket(), NOW)).toContain("We normally reply within 24 hours.");
  });

  it("does not repeat a promise that was broken", () => {
    const late = NOW + 48 * 3_600_000;
    expect(describeProgress(sampleTicket(), late)).toContain("longer than usual");
    const escalated = sampleTicket({ status: "escalated" });
    expect(describeProgress(escalated, late)).toBe("Our team has your ticket. A person will reply as soon as possible.");
  });

  it("names the team that has the ticket", () => {
    const ticket = sampleTicket({ status: "escalated", team: "Billing team" });
    expect(describeProgress(ticket, NOW)).toMatch(/^Billing team has your ticket\. A person replies by .+\.$/);
    const answered = { ...ticket, messages: [sampleMessage({ author: "person" })] };
    expect(describeProgress(answered, NOW)).toBe("Billing team is looking after your ticket.");
  });

  it("says by when a person replies, and stops saying so when that time is past", () => {
    const due = new Date(2026, 10, 21, 14, 30);
    const sla = { first_reply_minutes: 60, first_reply_by: due.toISOString() };
    const ticket = sampleTicket({ status: "escalated", sla });
    const soon = describeProgress(ticket, due.getTime() - 60_000);
    expect(soon).toMatch(/^Our team has your ticket\. A person replies by 2:30\sPM today\.$/);
    expect(describeProgress(ticket, due.getTime() + 1)).toContain("A person will reply as soon as possible.");
  });

  it("invites to ask for a person after an automatic answer", () => {
    expect(describeProgress(sampleTicket({ status: "auto_resolved" }), NOW)).toContain("ask for a person");
  });
});

describe("A duration", () => {
  it.each([
    [1, "1 minute"],
    [30, "30 minutes"],
    [60, "1 hour"],
    [90, "2 hours"],
    [1440, "24 hours"],
    [4320, "3 days"],
  ])("of %i minutes is %s", (minutes, words) => expect(describeDuration(minutes)).toBe(words));
});

describe("A deadline", () => {
  const morning = new Date(2026, 10, 21, 9, 0).getTime();

  it.each([
    [new Date(2026, 10, 21, 9, 0), "9:00 AM today"],
    [new Date(2026, 10, 21, 23, 59), "11:59 PM today"],
    [new Date(2026, 10, 22, 0, 5), "Sun, Nov 22, 12:05 AM"],
  ])("of %s is %s", (date, words) => {
    expect(describeDeadline(date.toISOString(), morning)?.replaceAll(/\s/g, " ")).toBe(words);
  });

  it.each(["2026-11-01T00:00:00Z", "soon", ""])("of %j is none", (iso) => {
    expect(describeDeadline(iso, morning)).toBeNull();
  });
});

describe("An age", () => {
  it.each([
    [-60, "just now"],
    [10, "just now"],
    [50, "1 minute ago"],
    [3 * 3600, "3 hours ago"],
    [24 * 3600, "yesterday"],
    [30 * 86400, "Oct 22, 2026"],
  ])("of %i seconds is %s", (seconds, words) => {
    expect(describeAge(new Date(NOW - seconds * 1000).toISOString(), NOW)).toBe(words);
  });
});

describe("The address of the page", () => {
  it("holds the reference and the token", () => {
    const address = readAddress({ pathname: "/ticket/TF-20261121-0001", search: "?token=a%2Bb%3D" });
    expect(address).toEqual({ ref: "TF-20261121-0001", token: "a+b=" });
  });

  it.each([
    ["/ticket/TF-1", ""],
    ["/ticket/TF-1", "?token="],
    ["/ticket/", "?token=x"],
    ["/ticket/%E0%A4%A", "?token=x"],
    ["/ticket/a/b", "?token=x"],
  ])("%s%s opens nothing", (pathname, search) => expect(readAddress({ pathname, search })).toBeNull());
});
