import { setText } from "../shared/dom";

export interface CopyLinkParts {
  button: HTMLButtonElement;
  status: HTMLElement;
  /** Shown with the link selected where the browser does not let pages write to the clipboard. */
  fallback: HTMLInputElement;
}

export function enableCopyLink({ button, status, fallback }: CopyLinkParts): void {
  button.addEventListener("click", async () => {
    const link = location.origin + location.pathname + location.search;
    try {
      await navigator.clipboard.writeText(link);
      setText(status, "Link copied");
    } catch {
      fallback.value = link;
      fallback.hidden = false;
      fallback.select();
      setText(status, "Copy the selected link");
    }
  });
}
