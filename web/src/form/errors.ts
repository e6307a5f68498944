import type { FieldProblem } from "../shared/api-types";
import { create, setText } from "../shared/dom";
import { findControls, findFocusTarget } from "./fields";

/** Shows every problem twice: in a summary on top that links to the fields, and beside each field. */
export function showFieldErrors(form: HTMLFormElement, summary: HTMLElement, problems: FieldProblem[]): void {
  clearErrors(form, summary);
  for (const problem of problems) markField(form, problem);
  const heading = problems.length === 1 ? "Please fix one thing" : `Please fix ${problems.length} things`;
  const items = problems.map((problem) => create("li", {}, renderLink(form, problem)));
  showSummary(summary, heading, create("ul", {}, ...items));
}

/** Shows a problem that belongs to no field, such as a lost connection. */
export function showGeneralError(form: HTMLFormElement, summary: HTMLElement, message: string): void {
  clearErrors(form, summary);
  const reassurance = "Nothing you typed is lost.";
  showSummary(summary, "Your message was not sent", create("p", {}, `${message} ${reassurance}`));
}

export function clearErrors(form: HTMLFormElement, summary: HTMLElement): void {
  summary.hidden = true;
  summary.replaceChildren();
  for (const slot of findSlots(form)) clearFieldError(form, slot.dataset["errorFor"] ?? "");
}

function clearFieldError(form: HTMLFormElement, field: string): void {
  const slot = findSlot(form, field);
  if (!slot || slot.hidden) return;
  slot.hidden = true;
  slot.replaceChildren();
  for (const control of findControls(form, field)) {
    control.removeAttribute("aria-invalid");
    describeControl(control, describers(control).filter((id) => id !== slot.id));
  }
}

/** While a problem is being fixed its text follows, and it goes as soon as there is none. */
export function followFieldError(form: HTMLFormElement, field: string, problem: FieldProblem | undefined): void {
  const slot = findSlot(form, field);
  if (!slot || slot.hidden) return;
  if (problem) setText(slot, problem.message);
  else clearFieldError(form, field);
}

function markField(form: HTMLFormElement, { field, message }: FieldProblem): void {
  const slot = findSlot(form, field);
  if (!slot) return;
  slot.textContent = message;
  slot.hidden = false;
  for (const control of findControls(form, field)) {
    control.setAttribute("aria-invalid", "true");
    describeControl(control, [slot.id, ...describers(control)]);
  }
}

function renderLink(form: HTMLFormElement, { field, message }: FieldProblem): Node {
  const target = findFocusTarget(form, field);
  if (!target) return document.createTextNode(message);
  const link = create("a", { href: `#${target.id}` }, message);
  link.addEventListener("click", (event) => {
    event.preventDefault();
    target.focus();
  });
  return link;
}

function showSummary(summary: HTMLElement, heading: string, body: HTMLElement): void {
  summary.replaceChildren(create("h2", {}, heading), body);
  summary.hidden = false;
  summary.focus();
}

function findSlots(form: HTMLFormElement): HTMLElement[] {
  return [...form.querySelectorAll<HTMLElement>("[data-error-for]")];
}

function findSlot(form: HTMLFormElement, field: string): HTMLElement | undefined {
  return findSlots(form).find((slot) => slot.dataset["errorFor"] === field);
}

function describers(control: HTMLElement): string[] {
  return (control.getAttribute("aria-describedby") ?? "").split(" ").filter(Boolean);
}

function describeControl(control: HTMLElement, ids: string[]): void {
  if (ids.length === 0) control.removeAttribute("aria-describedby");
  else control.setAttribute("aria-describedby", ids.join(" "));
}
