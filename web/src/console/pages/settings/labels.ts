import type { Channel, EscalationRoute, Key, Role } from "./types";
import type { Scope } from "../../session/types";

export const CHANNEL_LABELS: Record<Channel["channel"], string> = {
  gmail: "Gmail",
  mailbox: "Mailbox",
  web: "Web form",
  whatsapp: "WhatsApp",
};

export const ROUTE_LABELS: Record<EscalationRoute["category"], string> = {
  account: "Account",
  billing: "Billing",
  general: "General",
  legal: "Legal",
  security: "Security",
  technical: "Technical",
};

export const ROLE_LABELS: Record<Role, string> = { admin: "Admin", agent: "Agent", user: "Customer" };

export const ROLE_HINTS: Record<Role, string> = {
  admin: "Everything, also these settings",
  agent: "Tickets, customers, articles and figures",
  user: "Their own tickets only",
};

export const SCOPE_LABELS: Record<Scope, string> = {
  "tickets:read": "Read tickets",
  "tickets:write": "Open, answer and close tickets",
  "customers:read": "Read customers",
  "knowledge:read": "Read articles",
  "knowledge:write": "Upload and publish articles",
  "metrics:read": "Read figures",
  admin: "Everything, also accounts and keys",
};

export const TIER_LABELS: Record<Key["tier"], string> = {
  standard: "Standard",
  high: "High",
  unlimited: "Unlimited",
};

export function isRole(value: string | null): value is Role {
  return value !== null && Object.hasOwn(ROLE_LABELS, value);
}

export function isTier(value: string | null): value is Key["tier"] {
  return value !== null && Object.hasOwn(TIER_LABELS, value);
}

export function isScope(value: string): value is Scope {
  return Object.hasOwn(SCOPE_LABELS, value);
}

export function listChoices<Value extends string>(labels: Record<Value, string>): { value: string; label: string }[] {
  return Object.entries<string>(labels).map(([value, label]) => ({ value, label }));
}
