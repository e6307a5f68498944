import { Tooltip } from "@mantine/core";
import { useRef } from "react";
import { splitCitations } from "../../../shared/citations";
import { describeAge, describeMoment } from "../../../shared/time";
import { Delivery } from "./delivery";
import { Files } from "./files";
import type { File, Message, TicketDetail } from "./types";
import styles from "./conversation.module.css";

interface MessageEntryProps {
  message: Message;
  files: readonly File[];
  ticket: TicketDetail;
  now: number;
}

/** One message: who, when, what, what was quoted, which files came with it, what it rests on, how it arrived. */
export function MessageEntry({ message, files, ticket, now }: MessageEntryProps) {
  return (
    <article className={styles.message} data-author={message.author}>
      <p className={styles.by}>
        <strong>{nameAuthor(message, ticket)}</strong>
        {message.author === "assistant" && <span className={styles.tag}>Automatic</span>}
        <Moment iso={message.created_at} now={now} />
      </p>
      <Words message={message} />
      {message.quoted !== "" && (
        <details className={styles.fold}>
          <summary>Quoted text</summary>
          <div className={styles.quoted} dir="auto">
            {message.quoted}
          </div>
        </details>
      )}
      <Files files={files} />
      {message.delivery && (
        <Delivery message={message} state={message.delivery} ticketRef={ticket.ticket_ref} />
      )}
    </article>
  );
}

export function Moment({ iso, now }: { iso: string; now: number }) {
  return (
    <time className={styles.moment} dateTime={iso} title={describeMoment(iso)} aria-live="off">
      {describeAge(iso, now)}
    </time>
  );
}

/** The text, with its [1] as buttons that open the sources below it. */
function Words({ message }: { message: Message }) {
  const sources = useRef<HTMLDetailsElement>(null);
  const show = (number: number): void => {
    if (!sources.current) return;
    sources.current.open = true;
    sources.current.querySelector<HTMLElement>(`[data-number="${number}"]`)?.focus();
  };
  return (
    <>
      <div className={styles.bubble} dir="auto">
        {splitCitations(message.text, message.citations).map((part, index) =>
          part.kind === "text" ? (
            part.text
          ) : (
            <Tooltip key={index} label={part.citation.title}>
              <button
                type="button"
                className={styles.marker}
                aria-label={`Source ${part.citation.number}: ${part.citation.title}`}
                onClick={() => show(part.citation.number)}
              >
                {part.citation.number}
              </button>
            </Tooltip>
          ),
        )}
      </div>
      {message.citations.length > 0 && (
        <details className={styles.fold} ref={sources}>
          <summary>{message.citations.length === 1 ? "1 source" : `${message.citations.length} sources`}</summary>
          <ul className={styles.sources}>
            {message.citations.map(({ number, title, excerpt, source }) => (
              <li key={number} data-number={number} tabIndex={-1}>
                <strong dir="auto">
                  {number}. {title}
                </strong>
                <code title={source}>{source}</code>
                <p dir="auto">{excerpt}</p>
              </li>
            ))}
          </ul>
        </details>
      )}
    </>
  );
}

function nameAuthor({ author, written_by }: Message, { customer }: TicketDetail): string {
  switch (author) {
    case "customer":
      return customer.contact_name || customer.name || "Customer";
    case "assistant":
      return "Assistant";
    case "person":
      return written_by ?? "Support team";
    case "system":
      return "Notice to the customer";
  }
}
