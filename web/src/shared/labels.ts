import type { Category, Channel, Priority, TicketStatus } from "./api-types";

export const CATEGORY_LABELS: Record<Category, string> = {
  general: "General question",
  account: "Account",
  billing: "Billing",
  technical: "Technical problem",
  security: "Security",
  orders: "Orders",
  feedback: "Feedback",
};

export const PRIORITY_LABELS: Record<Priority, string> = {
  low: "Low",
  medium: "Medium",
  high: "High",
  urgent: "Urgent",
};

export const CATEGORIES = Object.keys(CATEGORY_LABELS);
export const PRIORITIES = Object.keys(PRIORITY_LABELS);

export const STATUS_LABELS: Record<TicketStatus, string> = {
  open: "Open",
  auto_resolved: "Answered",
  escalated: "With our team",
  closed: "Closed",
};

export const CHANNEL_LABELS: Record<Channel, string> = {
  gmail: "Gmail",
  mailbox: "Mailbox",
  web: "Web form",
  whatsapp: "WhatsApp",
};
