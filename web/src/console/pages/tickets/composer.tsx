import { Alert, Button, Tabs, Text, Textarea } from "@mantine/core";
import { useRef, useState, type KeyboardEvent, type RefObject } from "react";
import { ApiError } from "../../../shared/api-error";
import { countCharacters, describeRoom, MESSAGE_LIMIT } from "../../../shared/length";
import { describeProblem } from "../../api/problems";
import { useShortcut } from "../../shell/commands-context";
import { DraftOffer } from "./draft-offer";
import { useNote, useReply } from "./queries";
import { hasPersonAnswered, type TicketDetail } from "./types";
import { useKeptText, type KeptText } from "./use-kept-text";
import styles from "./composer.module.css";

type Kind = "reply" | "note";

/** Where a person writes: to the customer, or for their colleagues. What is typed is kept until it was sent. */
export function Composer({ ticket }: { ticket: TicketDetail }) {
  const [kind, setKind] = useState<Kind>("reply");
  const field = useRef<HTMLTextAreaElement>(null);
  const newest = ticket.messages.at(-1)?.id ?? "";
  const reply = useKeptText("reply", ticket.ticket_ref, newest);
  const note = useKeptText("note", ticket.ticket_ref, newest);
  const write = (chosen: Kind): void => {
    setKind(chosen);
    requestAnimationFrame(() => field.current?.focus());
  };
  useShortcut({ key: "r", label: "Reply", group: "Ticket", run: () => write("reply") });
  useShortcut({ key: "n", label: "Write a note", group: "Ticket", run: () => write("note") });
  return (
    <section className={styles.composer} data-kind={kind} aria-label="Write">
      <Tabs
        value={kind}
        onChange={(value) => setKind(value === "note" ? "note" : "reply")}
        variant="pills"
        keepMounted={false}
      >
        <Tabs.List className={styles.tabs}>
          <Tabs.Tab value="reply">Reply</Tabs.Tab>
          <Tabs.Tab value="note">Internal note</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="reply">
          <ReplyForm ticket={ticket} kept={reply} field={field} />
        </Tabs.Panel>
        <Tabs.Panel value="note">
          <NoteForm ticket={ticket} kept={note} field={field} />
        </Tabs.Panel>
      </Tabs>
    </section>
  );
}

interface FormProps {
  ticket: TicketDetail;
  kept: KeptText;
  field: RefObject<HTMLTextAreaElement | null>;
}

function ReplyForm({ ticket, kept, field }: FormProps) {
  const reply = useReply(ticket.ticket_ref);
  const send = (): void => void settle(reply.mutateAsync({ text: kept.text, key: kept.key() }), kept);
  const name = ticket.customer.contact_name || ticket.customer.name;
  return (
    <>
      {kept.hasNews && (
        <Text className={styles.news} size="xs" role="status">
          Something new was said while you were writing. Read it before you send.
        </Text>
      )}
      {ticket.handover_draft && kept.text === "" && !hasPersonAnswered(ticket) && (
        <DraftOffer
          text={ticket.handover_draft}
          onUse={() => {
            kept.change(ticket.handover_draft ?? "");
            field.current?.focus();
          }}
        />
      )}
      <WritingForm
        kept={kept}
        field={field}
        label={`Reply to ${name}`}
        hint={describeEffect(ticket)}
        button="Send"
        isSending={reply.isPending}
        problem={reply.error && explain(reply.error)}
        onSend={send}
      />
    </>
  );
}

function NoteForm({ ticket, kept, field }: FormProps) {
  const note = useNote(ticket.ticket_ref);
  return (
    <WritingForm
      kept={kept}
      field={field}
      label="Note for your colleagues"
      hint="Neither the customer nor the assistant sees notes."
      button="Add note"
      isSending={note.isPending}
      problem={note.error && explain(note.error)}
      onSend={() => void settle(note.mutateAsync(kept.text), kept)}
    />
  );
}

/** The text is let go of also when another ticket has been opened meanwhile; a failure is shown by the form. */
async function settle(sending: Promise<unknown>, kept: KeptText): Promise<void> {
  await sending.then(
    () => kept.sent(kept.text),
    () => undefined,
  );
}

interface WritingFormProps {
  kept: KeptText;
  field: RefObject<HTMLTextAreaElement | null>;
  label: string;
  hint: string;
  button: string;
  isSending: boolean;
  problem: string | null;
  onSend(): void;
}

function WritingForm({ kept, field, label, hint, button, isSending, problem, onSend }: WritingFormProps) {
  const mayBeSent = kept.text.trim() !== "" && countCharacters(kept.text.trim()) <= MESSAGE_LIMIT && !isSending;
  const press = (event: KeyboardEvent): void => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && mayBeSent) {
      event.preventDefault();
      onSend();
    }
    // The text stays; the keys of the page work again.
    if (event.key === "Escape") {
      event.preventDefault();
      field.current?.blur();
    }
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        onSend();
      }}
    >
      <Textarea
        ref={field}
        autosize
        minRows={2}
        maxRows={10}
        dir="auto"
        aria-label={label}
        placeholder={label}
        value={kept.text}
        onChange={(event) => kept.change(event.currentTarget.value)}
        onKeyDown={press}
      />
      {problem && (
        <Alert className={styles.problem} color="red" role="alert">
          {problem}
        </Alert>
      )}
      <div className={styles.foot}>
        <Text size="xs" c="dimmed" className={styles.hint}>
          {describeRoom(kept.text) || hint}
        </Text>
        <Text size="xs" c="dimmed" className={styles.keys}>
          Ctrl or ⌘ + Enter
        </Text>
        <Button type="submit" size="xs" disabled={!mayBeSent} loading={isSending}>
          {button}
        </Button>
      </div>
    </form>
  );
}

/** What sending means beyond the words. */
function describeEffect({ owner, status }: TicketDetail): string {
  if (status === "closed") return "Sending reopens the ticket.";
  if (owner === "agent") return "Sending takes the conversation over from the assistant.";
  return "";
}

function explain(error: unknown): string {
  const reason = describeProblem(error);
  const isConflict = error instanceof ApiError && error.status === 409;
  return isConflict ? `Not sent: ${reason} Your text is kept.` : `${reason} Your text is kept.`;
}
