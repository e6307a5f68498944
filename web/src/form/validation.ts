import type { FieldProblem } from "../shared/api-types";
import { CATEGORIES, PRIORITIES } from "../shared/labels";
import { countCharacters, MESSAGE_LIMIT } from "../shared/length";

export const FIELDS = ["name", "email", "subject", "category", "priority", "message"] as const;
export type FieldName = (typeof FIELDS)[number];
/** What stands in the form; `validate` says whether it is a submission. */
export type Written = Record<FieldName, string>;

const LIMITS = { name: 120, email: 254, subject: 200, message: MESSAGE_LIMIT };

/** Loose on purpose: only a reply proves an address, so we catch slips and let the unusual pass. */
const EMAIL = /^[^\s@]+@[^\s@.]+(\.[^\s@.]+)+$/;

export function trimWritten(written: Written): Written {
  const entries = FIELDS.map((field) => [field, written[field].trim()]);
  return Object.fromEntries(entries) as Written;
}

/** What is wrong with each field, in the order of the form; empty when it can be sent. */
export function validate(written: Written): FieldProblem[] {
  return FIELDS.flatMap((field) => {
    const message = checkField(field, written[field].trim());
    return message === null ? [] : [{ field, message }];
  });
}

function checkField(field: FieldName, value: string): string | null {
  switch (field) {
    case "name":
      return checkText(value, LIMITS.name, "Enter your name", "Your name");
    case "email":
      return checkEmail(value);
    case "subject":
      return checkText(value, LIMITS.subject, "Enter a subject", "The subject");
    case "category":
      return isOneOf(CATEGORIES, value) ? null : "Choose a topic";
    case "priority":
      return isOneOf(PRIORITIES, value) ? null : "Choose how urgent it is";
    case "message":
      return checkText(value, LIMITS.message, "Tell us what we can help with", "Your message");
  }
}

function checkText(value: string, limit: number, whenMissing: string, subject: string): string | null {
  if (value === "") return whenMissing;
  const over = countCharacters(value) - limit;
  if (over <= 0) return null;
  return `${subject} is ${over.toLocaleString("en")} ${over === 1 ? "character" : "characters"} too long`;
}

function checkEmail(value: string): string | null {
  if (value === "") return "Enter your email address";
  if (countCharacters(value) > LIMITS.email) return "This email address is too long";
  return EMAIL.test(value) ? null : "Enter an email address like name@example.com";
}

function isOneOf(options: readonly string[], value: string): boolean {
  return options.includes(value);
}
