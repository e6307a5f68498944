/** The JSON the server speaks. Names are the server's own, so they can be searched for on both sides. */

export const CATEGORIES = ["general", "account", "billing", "technical", "security", "orders", "feedback"] as const;
export const PRIORITIES = ["low", "medium", "high", "urgent"] as const;

export type Category = (typeof CATEGORIES)[number];
export type Priority = (typeof PRIORITIES)[number];
export type TicketStatus = "open" | "auto_resolved" | "escalated" | "closed";
export type Author = "customer" | "assistant" | "person" | "system";

export interface Submission {
  name: string;
  email: string;
  subject: string;
  category: string;
  priority: string;
  message: string;
}

export interface Sla {
  first_reply_minutes: number;
  first_reply_by: string;
}

export interface SubmissionAccepted {
  ticket_ref: string;
  ticket_token: string;
  sla: Sla;
  status_url: string;
}

export interface ReplyAccepted {
  ticket_ref: string;
  message_id: string;
}

export interface Citation {
  number: number;
  title: string;
  excerpt: string;
}

export interface Message {
  id: string;
  author: Author;
  text: string;
  created_at: string;
  citations: Citation[];
}

export interface Ticket {
  ticket_ref: string;
  status: TicketStatus;
  subject: string;
  category: Category;
  priority: Priority;
  created_at: string;
  updated_at: string;
  team: string | null;
  sla: Sla;
  /** A reply is being prepared right now. */
  answering: boolean;
  messages: Message[];
}

export interface FieldProblem {
  field: string;
  message: string;
}

/** RFC 9457 problem details, as far as we read them. */
export interface Problem {
  type?: string;
  title?: string;
  status?: number;
  detail?: string;
  errors?: FieldProblem[];
}
