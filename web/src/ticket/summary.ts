import type { Ticket } from "../shared/api-types";
import { find, setText } from "../shared/dom";
import { CATEGORY_LABELS, PRIORITY_LABELS, STATUS_LABELS } from "../shared/labels";
import { describeAge, describeMoment } from "../shared/time";
import { describeProgress } from "./progress";

/** The head of the page and the details beside the conversation. */
export function showSummary(root: ParentNode, ticket: Ticket, now: number): void {
  const status = find("#status", HTMLElement, root);
  status.dataset["status"] = ticket.status;
  write(root, "#status", STATUS_LABELS[ticket.status] ?? ticket.status);
  write(root, "#reference", ticket.ticket_ref);
  write(root, "#subject", ticket.subject);
  write(root, "#progress", describeProgress(ticket, now));
  write(root, "#handled-by", describeHandler(ticket));
  write(root, "#category", CATEGORY_LABELS[ticket.category] ?? ticket.category);
  write(root, "#priority", PRIORITY_LABELS[ticket.priority] ?? ticket.priority);
  writeTime(root, "#created", ticket.created_at, now);
  writeTime(root, "#updated", ticket.updated_at, now);
}

export function describeHandler(ticket: Ticket): string {
  if (ticket.team !== null) return ticket.team;
  return ticket.status === "escalated" ? "Our team" : "Assistant";
}

function write(root: ParentNode, selector: string, text: string): void {
  setText(find(selector, HTMLElement, root), text);
}

function writeTime(root: ParentNode, selector: string, iso: string, now: number): void {
  const time = find(selector, HTMLTimeElement, root);
  time.dateTime = iso;
  time.title = describeMoment(iso);
  setText(time, describeAge(iso, now));
}
