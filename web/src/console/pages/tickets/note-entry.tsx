import { LockIcon } from "lucide-react";
import { Moment } from "./message-entry";
import type { Note } from "./types";
import styles from "./conversation.module.css";

/** What staff noted for each other; it must not be taken for something that the customer has read. */
export function NoteEntry({ note, now }: { note: Note; now: number }) {
  return (
    <article className={styles.note} aria-label={`Internal note by ${note.written_by}`}>
      <p className={styles.by}>
        <LockIcon size={13} aria-hidden />
        <strong>{note.written_by}</strong>
        <span className={styles.tag}>Internal note</span>
        <Moment iso={note.created_at} now={now} />
      </p>
      <div className={styles.noteText} dir="auto">
        {note.text}
      </div>
    </article>
  );
}
