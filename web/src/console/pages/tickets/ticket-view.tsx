import { Button, Skeleton, Text } from "@mantine/core";
import { useState } from "react";
import { ApiError } from "../../../shared/api-error";
import { describeProblem } from "../../api/problems";
import { hasScope, useUser } from "../../session/session-context";
import { Composer } from "./composer";
import { Conversation } from "./conversation";
import { useNow } from "./now";
import { useTicket } from "./queries";
import { SidePanel } from "./side-panel";
import { TicketHead } from "./ticket-head";
import { isDetail, type Ticket, type TicketDetail } from "./types";
import styles from "./ticket.module.css";

interface TicketViewProps {
  ticketRef: string;
  onBack(): void;
}

/** One ticket: what was said, what can be done about it, and all that is known of it. */
export function TicketView({ ticketRef, onBack }: TicketViewProps) {
  const ticket = useTicket(ticketRef);
  if (ticket.data === undefined) {
    return ticket.isError ? (
      <Refused error={ticket.error} onRetry={() => void ticket.refetch()} onBack={onBack} />
    ) : (
      <Waiting />
    );
  }
  if (!isDetail(ticket.data)) return <Unread ticket={ticket.data} onBack={onBack} />;
  return <Whole ticket={ticket.data} onBack={onBack} />;
}

function Whole({ ticket, onBack }: { ticket: TicketDetail; onBack(): void }) {
  const now = useNow();
  const [isTelling, setTelling] = useState(false);
  const mayWrite = hasScope(useUser(), "tickets:write");
  return (
    <article className={styles.ticket} aria-label={ticket.subject} data-details={isTelling || undefined}>
      <TicketHead
        ticket={ticket}
        onBack={onBack}
        isTelling={isTelling}
        onTell={() => setTelling((was) => !was)}
        mayWrite={mayWrite}
      />
      <div className={styles.columns}>
        <div className={styles.talk}>
          <Conversation ticket={ticket} now={now} />
          {mayWrite && <Composer ticket={ticket} />}
        </div>
        <SidePanel ticket={ticket} now={now} mayWrite={mayWrite} />
      </div>
    </article>
  );
}

/** Accepted, and waiting for a worker: there is nothing yet to work on. */
function Unread({ ticket, onBack }: { ticket: Ticket; onBack(): void }) {
  return (
    <Message
      title={ticket.subject}
      text="The desk has accepted this ticket and not read it yet. It opens here as soon as it is."
      onBack={onBack}
    />
  );
}

function Refused({ error, onRetry, onBack }: { error: Error; onRetry(): void; onBack(): void }) {
  const isMissing = error instanceof ApiError && [404, 422].includes(error.status ?? 0);
  if (isMissing) return <Message title="No such ticket" text="Check the number in the address." onBack={onBack} />;
  return (
    <Message title="The ticket could not be loaded" text={describeProblem(error)} onBack={onBack}>
      <Button size="xs" onClick={onRetry}>
        Try again
      </Button>
    </Message>
  );
}

interface MessageProps {
  title: string;
  text: string;
  onBack(): void;
  children?: React.ReactNode;
}

function Message({ title, text, onBack, children }: MessageProps) {
  return (
    <section className={styles.notice} role="status">
      <h2 className={styles.subject}>{title}</h2>
      <Text size="sm" c="dimmed">
        {text}
      </Text>
      <div className={styles.noticeActions}>
        {children}
        <Button size="xs" variant="default" onClick={onBack}>
          Back to the list
        </Button>
      </div>
    </section>
  );
}

function Waiting() {
  return (
    <div className={styles.waiting} role="status" aria-label="Loading the ticket">
      <Skeleton height={20} width="50%" />
      <Skeleton height={12} width="30%" />
      <Skeleton height={90} mt="lg" />
      <Skeleton height={120} />
    </div>
  );
}
