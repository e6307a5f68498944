import type { Channel, Delivery, Outcome, Route, Sort, Status } from "./types";

export const STATUS_LABELS: Record<Status, string> = {
  open: "With the assistant",
  auto_resolved: "Answered",
  escalated: "With the team",
  closed: "Closed",
};

export const CHANNEL_LABELS: Record<Channel, string> = {
  web: "Web form",
  gmail: "Gmail",
  mailbox: "Mailbox",
  whatsapp: "WhatsApp",
};

export const ROUTE_LABELS: Record<Route, string> = {
  general: "General support",
  billing: "Billing",
  technical: "Technical",
  account: "Accounts",
  security: "Security",
  legal: "Legal",
};

export const SORT_LABELS: Record<Sort, string> = {
  waiting: "Waiting longest",
  activity: "Newest activity",
  created: "Newest first",
  priority: "Most urgent",
};

export const DELIVERY_LABELS: Record<Delivery, string> = {
  queued: "Waiting to be sent",
  sending: "Sending…",
  sent: "Sent",
  delivered: "Delivered",
  read: "Read",
  failed: "Not delivered",
  unknown: "Delivery in doubt",
  needs_template: "Waits until the customer writes",
};

export const OUTCOME_LABELS: Record<Outcome, string> = {
  answered: "Answered",
  escalated: "Handed to the team",
  silent: "Nothing to answer",
  superseded: "Overtaken by a newer message",
  person_owns: "A person had it already",
};

/** "low_confidence" as words. */
export function readName(name: string): string {
  const words = name.replaceAll(/[_-]+/g, " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

export function listOptions(labels: Record<string, string>): { value: string; label: string }[] {
  return Object.entries(labels).map(([value, label]) => ({ value, label }));
}
