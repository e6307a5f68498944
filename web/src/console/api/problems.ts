import { ApiError, describeWait } from "../../shared/api-error";
import { toSentence } from "../../shared/sentence";

/** What went wrong and what to do about it, in the words of whoever works at the desk. */
export function describeProblem(error: unknown): string {
  if (!(error instanceof ApiError)) return "Something went wrong on this page. Reload it and try again.";
  switch (error.status) {
    case null:
      return "The desk cannot be reached. Check your connection; nothing was changed.";
    case 401:
      return "Your session has ended. Sign in again.";
    case 403:
      return "Your account may not do this. Ask an admin for the right.";
    case 429:
      return `That was too much at once. Try again ${describeWait(error.retryAfterSeconds)}.`;
    case 422:
      return error.fields.map(({ message }) => toSentence(message)).join(" ") || error.detail;
    case 503:
      return `The desk is busy. Try again ${describeWait(error.retryAfterSeconds)}.`;
    default:
      return error.detail || "The desk could not do this. Try again in a moment.";
  }
}

/** What is wrong with one field of what was sent, where that is why it was refused. */
export function describeField(error: unknown, field: string): string | null {
  const found = error instanceof ApiError ? error.fields.find((problem) => problem.field === field) : undefined;
  return found ? toSentence(found.message) : null;
}

/** Signing in is the one place where 401 is about what was typed. */
export function describeSignInProblem(error: unknown): string {
  if (error instanceof ApiError && [401, 422].includes(error.status ?? 0)) {
    return "Email and password do not match. Check both and try again.";
  }
  if (error instanceof ApiError && error.status === 429) {
    return `Too many attempts. Try again ${describeWait(error.retryAfterSeconds)}.`;
  }
  return describeProblem(error);
}
