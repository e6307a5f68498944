import { find, setText } from "../shared/dom";
import type { Draft } from "../shared/draft";
import { countCharacters, describeRoom, MESSAGE_LIMIT } from "../shared/length";
import { enhanceMessageBox, submitOnShortcut } from "../shared/message-box";

const ASK_FOR_A_PERSON = "I would like to talk to a person, please.";

export interface ComposerParts {
  form: HTMLFormElement;
  draft: Draft<string>;
  onSend(text: string): void;
}

/** The box where the customer writes. Keeps what is typed until it is handed over. */
export class Composer {
  private readonly parts: ComposerParts;
  private readonly textarea: HTMLTextAreaElement;
  private readonly error: HTMLElement;
  private readonly refreshBox: () => void;

  constructor(parts: ComposerParts) {
    this.parts = parts;
    this.textarea = find("textarea", HTMLTextAreaElement, parts.form);
    this.error = find("#reply-error", HTMLElement, parts.form);
    this.textarea.value = parts.draft.load() ?? "";
    this.refreshBox = enhanceMessageBox(this.textarea, find("#reply-counter", HTMLElement, parts.form));
    submitOnShortcut(this.textarea);
    this.textarea.addEventListener("input", () => this.textChanged());
    parts.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
  }

  /** Adds a text without touching what is already written, and moves the cursor behind it. */
  add(text: string): void {
    const written = this.textarea.value.trimEnd();
    this.textarea.value = written === "" ? text : `${written}\n\n${text}`;
    this.textChanged();
    this.textarea.focus();
    this.textarea.setSelectionRange(this.textarea.value.length, this.textarea.value.length);
  }

  askForPerson(): void {
    if (this.textarea.value.includes(ASK_FOR_A_PERSON)) this.textarea.focus();
    else this.add(ASK_FOR_A_PERSON);
  }

  private send(): void {
    const text = this.textarea.value.trim();
    const problem = checkReply(text);
    this.showError(problem);
    if (problem === null) {
      this.parts.onSend(text);
      this.textarea.value = "";
      this.parts.draft.clear();
      this.refreshBox();
    }
    this.textarea.focus();
  }

  private textChanged(): void {
    this.refreshBox();
    this.showError(null);
    if (this.textarea.value === "") this.parts.draft.clear();
    else this.parts.draft.save(this.textarea.value);
  }

  private showError(problem: string | null): void {
    setText(this.error, problem ?? "");
    if (problem === null) this.textarea.removeAttribute("aria-invalid");
    else this.textarea.setAttribute("aria-invalid", "true");
  }
}

function checkReply(text: string): string | null {
  if (text === "") return "Write a message first.";
  if (countCharacters(text) > MESSAGE_LIMIT) return `Your message is ${describeRoom(text)}.`;
  return null;
}
