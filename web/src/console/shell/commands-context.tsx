import { createContext, use, useEffect, useRef, useState, useSyncExternalStore, type ReactNode } from "react";
import { browserClock } from "../../shared/clock";
import { Commands, type Command } from "./commands";
import { Keyboard } from "./keyboard";

const CommandsContext = createContext(new Commands());

/** Listens to the keyboard for everything below it. */
export function CommandsProvider({ children }: { children: ReactNode }) {
  const [commands] = useState(() => new Commands());
  useEffect(() => {
    const { press } = new Keyboard(commands, browserClock);
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, [commands]);
  return <CommandsContext value={commands}>{children}</CommandsContext>;
}

/** What can be done from here, newest last. */
export function useCommands(): readonly Command[] {
  const commands = use(CommandsContext);
  return useSyncExternalStore(commands.subscribe, () => commands.all);
}

/** Offers something in the search (⌘K) while the calling component is on screen. */
export function useAction({ key, label, group, run }: Command): void {
  const commands = use(CommandsContext);
  const latest = useRef(run);
  useEffect(() => {
    latest.current = run;
  });
  useEffect(
    () => commands.offer({ label, group, run: () => latest.current(), ...(key === undefined ? {} : { key }) }),
    [commands, key, label, group],
  );
}

/** The same with a key: it stands in the keyboard help too, and is off while somebody types. */
export function useShortcut(command: Command & { key: string }): void {
  useAction(command);
}
