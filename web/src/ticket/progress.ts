import type { Ticket } from "../shared/api-types";
import { describeDeadline } from "../shared/time";

/** One sentence on where the ticket stands, written for the person waiting. */
export function describeProgress(ticket: Ticket, now: number): string {
  switch (ticket.status) {
    case "closed":
      return "This ticket is closed. If you still need help, write below.";
    case "escalated":
      return describeHandover(ticket, now);
    case "auto_resolved":
      return "Our assistant answered. If that did not help, ask for a person below.";
    case "open":
      return describeWaiting(ticket, now);
  }
}

function describeHandover(ticket: Ticket, now: number): string {
  if (hasReply(ticket, ["person"])) return `${ticket.team ?? "A person on our team"} is looking after your ticket.`;
  const deadline = describeDeadline(ticket.sla.first_reply_by, now);
  const reply = deadline === null ? "A person will reply as soon as possible." : `A person replies by ${deadline}.`;
  return `${ticket.team ?? "Our team"} has your ticket. ${reply}`;
}

function describeWaiting(ticket: Ticket, now: number): string {
  if (hasReply(ticket, ["assistant", "person"])) return "We are on it. You can add to your message below.";
  if (isLate(ticket, now)) return "This is taking longer than usual. You are still in line and need not write again.";
  const normally = describeDuration(ticket.sla.first_reply_minutes);
  return `We normally reply within ${normally}. Our assistant often answers within seconds.`;
}

function hasReply(ticket: Ticket, authors: string[]): boolean {
  return ticket.messages.some((message) => authors.includes(message.author));
}

function isLate(ticket: Ticket, now: number): boolean {
  return now > Date.parse(ticket.sla.first_reply_by);
}

/** 30 → "30 minutes", 60 → "1 hour", 1440 → "24 hours", 4320 → "3 days". Rounds up: a promise must hold. */
export function describeDuration(minutes: number): string {
  if (minutes < 60) return count(Math.max(1, Math.ceil(minutes)), "minute");
  if (minutes < 48 * 60) return count(Math.ceil(minutes / 60), "hour");
  return count(Math.ceil(minutes / (24 * 60)), "day");
}

function count(amount: number, unit: string): string {
  return `${amount} ${unit}${amount === 1 ? "" : "s"}`;
}
