/** Something a person can do from here: found by search, and by its key if it has one. */
export interface Command {
  label: string;
  /** The heading it stands under in the search and in the keyboard help. */
  group: string;
  run(): void;
  /** One key as `KeyboardEvent.key` names it, or several in a row with spaces between: "?", "j", "g t". */
  key?: string;
}

/** Every command that the pages on screen offer. Of two with the same key, the later one counts. */
export class Commands {
  private commands: readonly Command[] = [];
  private readonly listeners = new Set<() => void>();

  get all(): readonly Command[] {
    return this.commands;
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  };

  /** Offers a command until the returned function is called. */
  offer(command: Command): () => void {
    this.become([...this.commands, command]);
    return () => this.become(this.commands.filter((other) => other !== command));
  }

  find(key: string): Command | undefined {
    return this.commands.findLast((command) => command.key === key);
  }

  /** Whether these keys begin one that is longer. */
  begins(keys: string): boolean {
    return this.commands.some((command) => command.key?.startsWith(`${keys} `));
  }

  private become(commands: readonly Command[]): void {
    this.commands = commands;
    this.listeners.forEach((listener) => listener());
  }
}
