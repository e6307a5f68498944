import { beforeEach, describe, expect, it } from "vitest";
import indexHtml from "../index.html?raw";
import { clearErrors, followFieldError, showFieldErrors, showGeneralError } from "../src/form/errors";
import { fillForm, readForm } from "../src/form/fields";
import { find } from "../src/shared/dom";
import { sampleSubmission, showPage } from "./sample";

let form: HTMLFormElement;
let summary: HTMLElement;

beforeEach(() => {
  showPage(indexHtml);
  form = find("#support-form", HTMLFormElement);
  summary = find("#error-summary", HTMLElement);
});

const EMAIL_PROBLEM = { field: "email", message: "Enter your email address" };
const MESSAGE_PROBLEM = { field: "message", message: "Tell us what we can help with" };

describe("The form's errors", () => {
  it("are summed up on top, with the focus there", () => {
    showFieldErrors(form, summary, [EMAIL_PROBLEM, MESSAGE_PROBLEM]);
    expect(summary.hidden).toBe(false);
    expect(document.activeElement).toBe(summary);
    expect(summary.querySelector("h2")?.textContent).toBe("Please fix 2 things");
  });

  it("link from the summary to their field", () => {
    showFieldErrors(form, summary, [EMAIL_PROBLEM]);
    find("a", HTMLAnchorElement, summary).click();
    expect(document.activeElement?.id).toBe("email");
  });

  it("are tied to their field for screen readers, beside its hint", () => {
    showFieldErrors(form, summary, [MESSAGE_PROBLEM]);
    const message = find("#message", HTMLTextAreaElement);
    expect(message.getAttribute("aria-invalid")).toBe("true");
    expect(message.getAttribute("aria-describedby")).toBe("message-error message-hint message-counter");
    expect(find("#message-error", HTMLElement).textContent).toBe(MESSAGE_PROBLEM.message);
  });

  it("leave no trace when cleared", () => {
    const before = form.outerHTML;
    showFieldErrors(form, summary, [EMAIL_PROBLEM, MESSAGE_PROBLEM]);
    clearErrors(form, summary);
    expect(form.outerHTML).toBe(before);
    expect(summary.hidden).toBe(true);
  });

  it("follow the field while it is being fixed and go once it is", () => {
    showFieldErrors(form, summary, [MESSAGE_PROBLEM]);
    followFieldError(form, "message", { field: "message", message: "Still wrong" });
    expect(find("#message-error", HTMLElement).textContent).toBe("Still wrong");
    followFieldError(form, "message", undefined);
    expect(find("#message-error", HTMLElement).hidden).toBe(true);
    expect(find("#message", HTMLElement).hasAttribute("aria-invalid")).toBe(false);
  });

  it("about fields we do not know are shown without a link", () => {
    showFieldErrors(form, summary, [{ field: "x\"]<b>", message: "<b>odd</b>" }]);
    expect(summary.querySelector("li")?.textContent).toBe("<b>odd</b>");
    expect(summary.querySelector("a, b")).toBeNull();
  });

  it("that belong to no field promise that nothing is lost", () => {
    showGeneralError(form, summary, "We could not reach the support desk.");
    expect(summary.textContent).toContain("Nothing you typed is lost.");
  });
});

describe("The form's fields", () => {
  it("read back what a draft put in", () => {
    const draft = sampleSubmission({ category: "billing", priority: "urgent", message: "سلام 🙂\n<b>x</b>" });
    fillForm(form, draft);
    expect(readForm(form)).toEqual(draft);
  });

  it("keep their defaults when a draft has nothing or nonsense for them", () => {
    fillForm(form, { name: "Mara", category: "gone" });
    expect(readForm(form)).toMatchObject({ name: "Mara", category: "general", priority: "medium" });
  });

  it("all have a label", () => {
    for (const control of form.querySelectorAll("input, select, textarea")) {
      const label = control.closest("label") ?? form.querySelector(`label[for="${control.id}"]`);
      expect(label?.textContent?.trim(), control.id).toBeTruthy();
    }
  });
});
