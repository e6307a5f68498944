import { describe, expect, it } from "vitest";
import { describeField, describeProblem } from "../../src/console/api/problems";
import { readAsked, toAuditFilters, writeAsked } from "../../src/console/pages/settings/audit-asked";
import { listChanges, tellEntry } from "../../src/console/pages/settings/audit-words";
import { describeChannel } from "../../src/console/pages/settings/channel-state";
import { describeKey } from "../../src/console/pages/settings/key-state";
import type { AuditEntry, Channel, Key } from "../../src/console/pages/settings/types";
import { ApiError } from "../../src/shared/api-error";

const ADA = "01a200cd-a910-712a-afa7-d3b4ee7689f6";
const ENTRY: AuditEntry = {
  seq: 7,
  at: "2026-11-21T09:30:00Z",
  actor_kind: "user",
  actor_id: ADA,
  action: "ticket.closed",
  object_kind: "ticket",
  object_id: "TF-20261121-0001",
  before: null,
  after: null,
  address: null,
  user_agent: null,
  request_id: null,
  hash: "00",
};
const NAMES = new Map([[ADA, "Ada Byron"]]);

describe("An entry of the audit log", () => {
  const tell = (changes: Partial<AuditEntry>): string => {
    const { actor, deed } = tellEntry({ ...ENTRY, ...changes }, NAMES);
    return `${actor} ${deed}`;
  };

  it("reads as a sentence", () => {
    expect(tell({})).toBe("Ada Byron closed ticket TF-20261121-0001");
    expect(tell({ actor_kind: "operator", actor_id: null })).toMatch(/^An operator at the command line closed/);
    expect(tell({ actor_kind: "system", actor_id: null })).toMatch(/^The desk closed/);
    expect(tell({ actor_kind: "key" })).toMatch(/^Key Ada Byron closed/);
  });

  it("names whom it can and shortens the ids of the others", () => {
    expect(tell({ action: "user.changed", object_id: ADA })).toBe("Ada Byron changed the account of Ada Byron");
    expect(tell({ actor_id: ADA.replace("f6", "00") })).toMatch(/^Account …ee768900 closed/);
  });

  it("is told in its own words where nobody foresaw them", () => {
    expect(tell({ action: "inbox.turned_round", object_id: "x" })).toBe("Ada Byron turned round inbox x");
  });

  it("shows each fact before and after", () => {
    const changes = listChanges({ ...ENTRY, before: { role: "agent" }, after: { role: "admin", is_out: false, ids: [] } });
    expect(changes).toEqual([
      { name: "role", before: "agent", after: "admin" },
      { name: "is out", before: "–", after: "no" },
      { name: "ids", before: "–", after: "–" },
    ]);
  });
});

describe("What is asked of the audit log", () => {
  it("comes back from the address, without what an address makes up", () => {
    const asked = { actor: ADA, action: "ticket.closed", from: "2026-11-01", to: "2026-11-21" };
    expect(readAsked(new URLSearchParams(writeAsked(asked)))).toEqual(asked);
    const made = readAsked(new URLSearchParams("actor=me&action=x.y&from=yesterday&to=2026-99-99"));
    expect(made).toEqual({ actor: null, action: null, from: null, to: null });
  });

  it("counts both days whole", () => {
    const { since, until } = toAuditFilters({ actor: null, action: null, from: "2026-11-21", to: "2026-11-21" });
    expect(since).toBe(new Date("2026-11-21T00:00:00").toISOString());
    expect(until).toBe(new Date("2026-11-22T00:00:00").toISOString());
  });
});

describe("The state of a channel", () => {
  const channel: Channel = { channel: "gmail", inbox: "help@desk.example", is_configured: true, enabled: true, waiting: 0 };

  it.each<[string, Partial<Channel>]>([
    ["Working", {}],
    ["Cannot send", { send_problem: "refused" }],
    ["Cannot be read", { send_problem: "refused", read_problem: "revoked" }],
    ["Closed", { enabled: false, read_problem: "revoked" }],
    ["Not configured", { is_configured: false, read_problem: "revoked" }],
  ])("is “%s”", (label, changes) => {
    expect(describeChannel({ ...channel, ...changes }).label).toBe(label);
  });
});

describe("The state of a key", () => {
  const now = Date.parse("2026-11-21T09:30:00Z");
  const key: Key = {
    id: ADA,
    name: "Report",
    prefix: "nd_abc",
    scopes: ["metrics:read"],
    tier: "standard",
    created_at: "2026-11-01T00:00:00Z",
    last_used_at: null,
    expires_at: "2026-11-21T09:30:01Z",
    revoked_at: null,
  };

  it("ends with its days or when it is revoked", () => {
    expect(describeKey(key, now).label).toBe("Good");
    expect(describeKey(key, now + 1000)).toEqual({ label: "Expired", isGood: false });
    expect(describeKey({ ...key, revoked_at: "2026-11-20T00:00:00Z" }, now)).toEqual({ label: "Revoked", isGood: false });
  });
});

describe("A refused form", () => {
  const refusal = new ApiError({
    status: 422,
    detail: "The request is not valid; see errors for each field.",
    fields: [{ field: "password", message: "everybody would try it" }],
  });

  it("says at the field what is wrong with it", () => {
    expect(describeField(refusal, "password")).toBe("Everybody would try it.");
    expect(describeField(refusal, "email")).toBeNull();
    expect(describeField(null, "password")).toBeNull();
  });

  it("says the same where there is no field to say it at", () => {
    expect(describeProblem(refusal)).toBe("Everybody would try it.");
    expect(describeProblem(new ApiError({ status: 422, detail: "No." }))).toBe("No.");
  });
});
