const NEAR_THE_END_PX = 200;

/** Follows the conversation's end while the customer reads there; otherwise offers a button to go there. */
export class Latest {
  private readonly messages: HTMLElement;
  private readonly end: HTMLElement;
  private readonly button: HTMLButtonElement;

  constructor(messages: HTMLElement, end: HTMLElement, button: HTMLButtonElement) {
    this.messages = messages;
    this.end = end;
    this.button = button;
    button.addEventListener("click", () => this.showLastMessage());
    window.addEventListener("scroll", () => this.hideButtonAtEnd(), { passive: true });
  }

  /** Ask before changing the page: afterwards the end is somewhere else. */
  isInView(): boolean {
    return this.end.getBoundingClientRect().top < window.innerHeight + NEAR_THE_END_PX;
  }

  showEnd(): void {
    this.end.scrollIntoView({ block: "nearest" });
    this.button.hidden = true;
  }

  /** Goes to the end, but not past the beginning of a message taller than the window: it is read from the top. */
  showLastMessage(): void {
    this.showEnd();
    this.messages.lastElementChild?.scrollIntoView({ block: "nearest" });
  }

  offer(): void {
    this.button.hidden = false;
  }

  private hideButtonAtEnd(): void {
    if (!this.button.hidden && this.isInView()) this.button.hidden = true;
  }
}
