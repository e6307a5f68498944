import { useMemo, useState } from "react";
import { createDraft } from "../../../shared/draft";
import { IdempotencyKey } from "../../../shared/idempotency";
import { useUser } from "../../session/session-context";

interface Kept {
  text: string;
  /** The newest message when the writing began. */
  after: string;
}

export interface KeptText {
  text: string;
  /** Something was said since the writing began. */
  hasNews: boolean;
  change(text: string): void;
  /** The same for the same text until it was sent, so that trying again is safe. */
  key(): string;
  /** Lets go of what was sent, unless more was typed meanwhile. */
  sent(text: string): void;
}

/** What somebody writes to a ticket; it survives looking at another ticket, a reload and the end of the session. */
export function useKeptText(kind: "reply" | "note", ref: string, newest: string): KeptText {
  const user = useUser();
  const { draft, keys } = useMemo(() => openDrafts(user.id, kind, ref), [user.id, kind, ref]);
  const [kept, setKept] = useState<Kept>(() => draft.load() ?? { text: "", after: newest });
  const become = (next: Kept): void => {
    setKept(next);
    if (next.text === "") draft.clear();
    else draft.save(next);
  };
  return {
    text: kept.text,
    hasNews: kept.text.trim() !== "" && kept.after !== newest,
    change: (text) => become({ text, after: kept.text === "" ? newest : kept.after }),
    key: () => keys.keyFor(kept.text),
    sent(text) {
      keys.accepted();
      if ((draft.load()?.text ?? text) === text) become({ text: "", after: newest });
    },
  };
}

function openDrafts(userId: string, kind: string, ref: string) {
  const name = `nightdesk.${kind}.${ref}.${userId}`;
  return { draft: createDraft<Kept>(name), keys: new IdempotencyKey(createDraft(`${name}.key`)) };
}
