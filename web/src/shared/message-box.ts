import { setText } from "./dom";
import { describeRoom, MESSAGE_LIMIT } from "./length";

/** Lets a textarea grow with its text and shows the counter near the limit. Returns a refresh for text set by code. */
export function enhanceMessageBox(
  textarea: HTMLTextAreaElement,
  counter: HTMLElement,
  limit: number = MESSAGE_LIMIT,
): () => void {
  const refresh = (): void => {
    // The stylesheet mirrors this value behind the textarea to give it height; the policy forbids style attributes.
    if (textarea.parentElement) textarea.parentElement.dataset["mirror"] = textarea.value;
    const room = describeRoom(textarea.value, limit);
    setText(counter, room);
    counter.classList.toggle("counter--over", room.endsWith("too many"));
  };
  textarea.addEventListener("input", refresh);
  refresh();
  return refresh;
}

/** Ctrl+Enter, or Cmd+Enter on a Mac, submits the form. */
export function submitOnShortcut(textarea: HTMLTextAreaElement): void {
  textarea.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    textarea.form?.requestSubmit();
  });
}
