import type { Feedback, File, Message, Note, TicketDetail } from "./types";

export type Entry =
  | { kind: "message"; id: string; at: string; message: Message; files: File[] }
  | { kind: "note"; id: string; at: string; note: Note }
  | { kind: "feedback"; id: string; at: string; feedback: Feedback };

/** Everything that was said of a ticket, to whomever, in the order in which it was said. */
export function buildTimeline(ticket: Pick<TicketDetail, "messages" | "attachments" | "notes" | "feedback">): Entry[] {
  const entries: Entry[] = [
    ...ticket.messages.map((message) => ({
      kind: "message" as const,
      id: message.id,
      at: message.created_at,
      message,
      files: ticket.attachments.filter(({ message_id }) => message_id === message.id),
    })),
    ...ticket.notes.map((note) => ({ kind: "note" as const, id: note.id, at: note.created_at, note })),
    ...ticket.feedback.map((feedback) => ({
      kind: "feedback" as const,
      id: `feedback ${feedback.created_at}`,
      at: feedback.created_at,
      feedback,
    })),
  ];
  return entries.sort((one, other) => Date.parse(one.at) - Date.parse(other.at));
}
