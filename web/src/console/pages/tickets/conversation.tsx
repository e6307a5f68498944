import { Button } from "@mantine/core";
import { useIntersection, useMergedRef } from "@mantine/hooks";
import { ArrowDownIcon } from "lucide-react";
import { useEffect, useLayoutEffect, useRef, useState } from "react";
import { FeedbackEntry } from "./feedback-entry";
import { MessageEntry } from "./message-entry";
import { NoteEntry } from "./note-entry";
import { buildTimeline, type Entry } from "./timeline";
import type { TicketDetail } from "./types";
import styles from "./conversation.module.css";

/** Everything that was said, the newest at the end and in sight. */
export function Conversation({ ticket, now }: { ticket: TicketDetail; now: number }) {
  const entries = buildTimeline(ticket);
  const { box, end, isNewsBelow, goToEnd } = useEnd(entries.at(-1)?.id);
  return (
    <div className={styles.frame}>
      <section ref={box} className={styles.conversation} aria-label="Conversation" tabIndex={0}>
        <ol className={styles.entries} aria-live="polite" aria-relevant="additions">
          {entries.map((entry) => (
            <li key={entry.id}>
              <EntryView entry={entry} ticket={ticket} now={now} />
            </li>
          ))}
        </ol>
        {ticket.answering && <p className={styles.answering}>The assistant is looking for an answer…</p>}
        <div ref={end} />
      </section>
      {isNewsBelow && (
        <Button
          className={styles.news}
          size="compact-sm"
          radius="xl"
          leftSection={<ArrowDownIcon size={14} aria-hidden />}
          onClick={goToEnd}
        >
          New message below
        </Button>
      )}
    </div>
  );
}

function EntryView({ entry, ticket, now }: { entry: Entry; ticket: TicketDetail; now: number }) {
  switch (entry.kind) {
    case "message":
      return <MessageEntry message={entry.message} files={entry.files} ticket={ticket} now={now} />;
    case "note":
      return <NoteEntry note={entry.note} now={now} />;
    case "feedback":
      return <FeedbackEntry feedback={entry.feedback} now={now} />;
  }
}

/** Stays at the end while somebody reads there; does not move under somebody who reads further up. */
function useEnd(newest: string | undefined) {
  const box = useRef<HTMLElement>(null);
  const end = useRef<HTMLDivElement>(null);
  const { ref: watchEnd, entry } = useIntersection<HTMLDivElement>({ rootMargin: "40px" });
  const isAtEnd = entry?.isIntersecting ?? true;
  const [seen, setSeen] = useState(newest);
  const goToEnd = (): void => {
    if (box.current) box.current.scrollTop = box.current.scrollHeight;
  };
  useLayoutEffect(() => {
    if (isAtEnd) goToEnd();
    // Whether one is at the end counts only in the moment in which something new is there.
  }, [newest]);
  useEffect(() => {
    if (isAtEnd) setSeen(newest);
  }, [isAtEnd, newest]);
  return { box, end: useMergedRef(end, watchEnd), isNewsBelow: newest !== seen && !isAtEnd, goToEnd };
}
