/** Short names for what the API's own description says; `npm run api` writes that. */

import type { components, paths } from "../generated/api";

type Schemas = components["schemas"];

/** An address that the API has. */
export type ApiPath = keyof paths;

export type Submission = Schemas["Submission"];
export type SubmissionAccepted = Schemas["Accepted"];
export type ReplyAccepted = Schemas["ReplyAccepted"];
export type Ticket = Schemas["TicketView"];
export type Message = Schemas["MessageView"];
export type Citation = Schemas["SourceView"];
export type NewFeedback = Schemas["NewFeedback"];
export type FeedbackAccepted = Schemas["FeedbackAccepted"];
export type FieldProblem = Schemas["FieldProblem"];

export type Category = Ticket["category"];
export type Priority = Ticket["priority"];
export type TicketStatus = Ticket["status"];
export type Author = Message["author"];
export type Channel = Schemas["ChannelSummary"]["channel"];

/** RFC 9457 problem details; a proxy in front of the server may leave out any of it. */
export type Problem = Partial<Schemas["ProblemDetails"]>;
