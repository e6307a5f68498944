import { ApiError, describeError } from "../shared/api-error";
import type { FieldProblem, Submission, SubmissionAccepted } from "../shared/api-types";
import type { IdempotencyKey } from "../shared/idempotency";
import { trimWritten, validate, type Written } from "./validation";

export type SendResult =
  | { kind: "accepted"; address: string }
  | { kind: "invalid"; problems: FieldProblem[] }
  | { kind: "failed"; message: string };

type Submit = (submission: Submission, idempotencyKey: string) => Promise<SubmissionAccepted>;

/** Checks the form and sends it; says what came of it and leaves showing it to the page. */
export async function sendSubmission(written: Written, key: IdempotencyKey, submit: Submit): Promise<SendResult> {
  const problems = validate(written);
  if (problems.length > 0) return { kind: "invalid", problems };
  const submission = trimWritten(written) as Submission;
  try {
    const accepted = await submit(submission, key.keyFor(submission));
    key.accepted();
    return { kind: "accepted", address: ticketAddress(accepted) };
  } catch (error) {
    const fields = error instanceof ApiError ? error.fields : [];
    if (fields.length > 0) return { kind: "invalid", problems: fields };
    return { kind: "failed", message: describeError(error) };
  }
}

export function ticketAddress({ ticket_ref, ticket_token }: SubmissionAccepted): string {
  return `/ticket/${encodeURIComponent(ticket_ref)}?token=${encodeURIComponent(ticket_token)}`;
}
