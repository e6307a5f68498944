import type { Clock } from "../../shared/clock";
import type { Commands } from "./commands";

/** The second key of "g t" comes within this time. */
const NEXT_KEY_WITHIN_MS = 1_200;
const TAKES_LETTERS = "input, textarea, select, [contenteditable], [role=menu], [role=listbox], [aria-modal=true]";

/** Runs commands by their keys, except while somebody types or a dialog is open. */
export class Keyboard {
  private readonly commands: Commands;
  private readonly clock: Clock;
  private begun = "";
  private forgetLater: () => void = () => {};

  constructor(commands: Commands, clock: Clock) {
    this.commands = commands;
    this.clock = clock;
  }

  press = (event: KeyboardEvent): void => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTaken(event.target)) return;
    const keys = this.begun === "" ? event.key : `${this.begun} ${event.key}`;
    const command = this.commands.find(keys) ?? this.commands.find(event.key);
    this.forget();
    if (command) {
      event.preventDefault();
      command.run();
    } else if (this.commands.begins(keys)) {
      this.begun = keys;
      this.forgetLater = this.clock.after(NEXT_KEY_WITHIN_MS, () => this.forget());
    }
  };

  private forget(): void {
    this.forgetLater();
    this.begun = "";
  }
}

function isTaken(target: EventTarget | null): boolean {
  if (document.querySelector("[aria-modal=true]")) return true;
  return target instanceof Element && target.closest(TAKES_LETTERS) !== null;
}
