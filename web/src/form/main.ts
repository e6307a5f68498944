import { submitTicket } from "../shared/api";
import { find, setText } from "../shared/dom";
import { createDraft } from "../shared/draft";
import { IdempotencyKey } from "../shared/idempotency";
import { enhanceMessageBox, submitOnShortcut } from "../shared/message-box";
import { clearErrors, followFieldError, showFieldErrors, showGeneralError } from "./errors";
import { fillForm, readForm } from "./fields";
import { sendSubmission } from "./send";
import { validate, type Written } from "./validation";

const form = find("#support-form", HTMLFormElement);
const summary = find("#error-summary", HTMLElement);
const button = find("#send", HTMLButtonElement);
const status = find("#send-status", HTMLElement);
const message = find("#message", HTMLTextAreaElement);

const draft = createDraft<Written>("nightdesk.form");
const key = new IdempotencyKey(createDraft("nightdesk.form.key"));

let sending = false;
let accepted = false;

function showSending(isSending: boolean): void {
  sending = isSending;
  // Not `disabled`: that would throw the keyboard focus off the button.
  button.setAttribute("aria-disabled", String(isSending));
  setText(button, isSending ? "Sending…" : "Send message");
  setText(status, isSending ? "Sending your message" : "");
}

async function send(): Promise<void> {
  if (sending) return;
  showSending(true);
  const result = await sendSubmission(readForm(form), key, submitTicket);
  if (result.kind === "accepted") {
    accepted = true;
    draft.clear();
    clearErrors(form, summary);
    location.assign(result.address);
    return;
  }
  showSending(false);
  if (result.kind === "invalid") showFieldErrors(form, summary, result.problems);
  else showGeneralError(form, summary, result.message);
}

form.noValidate = true;
fillForm(form, draft.load() ?? {});
const refreshMessageBox = enhanceMessageBox(message, find("#message-counter", HTMLElement));
submitOnShortcut(message);
button.disabled = false;

form.addEventListener("input", (event) => {
  const written = readForm(form);
  draft.save(written);
  const field = event.target instanceof Element ? (event.target.getAttribute("name") ?? "") : "";
  followFieldError(form, field, validate(written).find((problem) => problem.field === field));
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  void send();
});
// Coming back with the browser's Back button restores this page as it was left: already sent.
window.addEventListener("pageshow", (event) => {
  if (!event.persisted || !accepted) return;
  accepted = false;
  form.reset();
  refreshMessageBox();
  showSending(false);
});
