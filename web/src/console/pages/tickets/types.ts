/** What the API says about tickets, by short names. */

import type { components, paths } from "../../../generated/api";

type Schemas = components["schemas"];

export type TicketQuery = NonNullable<paths["/tickets"]["get"]["parameters"]["query"]>;
export type TicketRow = Schemas["TicketRow"];
export type TicketDetail = Schemas["TicketDetail"];
export type TicketState = Schemas["TicketState"];
export type Counts = paths["/tickets/counts"]["get"]["responses"][200]["content"]["application/json"];
export type Member = Schemas["Member"];
export type Message = Schemas["StaffMessageView"];
export type Source = Schemas["StaffSourceView"];
export type Note = Schemas["NoteView"];
export type File = Schemas["FileView"];
export type Feedback = Schemas["FeedbackView"];
export type Run = Schemas["RunView"];
export type ToolCall = Schemas["ToolCallView"];
export type Correction = Schemas["Correction"];
export type Escalation = Schemas["Escalation"];
export type Verdict = Schemas["Verdict"];

export type Status = TicketRow["status"];
export type Priority = TicketRow["priority"];
export type Category = TicketRow["category"];
export type Channel = TicketRow["channel"];
export type Route = Schemas["RouteView"]["category"];
export type Sort = NonNullable<TicketQuery["sort"]>;
export type Delivery = NonNullable<Message["delivery"]>;
export type Outcome = Run["outcome"];

/** What GET /tickets/{ref} answers: less than everything until a worker has read the ticket. */
export type Ticket = TicketDetail | Schemas["TicketView"];

export function isDetail(ticket: Ticket): ticket is TicketDetail {
  return "conversation_id" in ticket;
}

export function hasPersonAnswered({ messages }: TicketDetail): boolean {
  return messages.some(({ author }) => author === "person");
}
