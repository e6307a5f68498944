import { ActionIcon, Button } from "@mantine/core";
import { ArrowLeftIcon, PanelRightIcon } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { useLocation } from "react-router";
import { Actions } from "./actions";
import { STATUS_LABELS } from "./labels";
import type { TicketDetail } from "./types";
import styles from "./ticket.module.css";

interface TicketHeadProps {
  ticket: TicketDetail;
  mayWrite: boolean;
  /** Whether a narrow screen shows the details instead of the conversation. */
  isTelling: boolean;
  onTell(): void;
  onBack(): void;
}

export function TicketHead({ ticket, mayWrite, isTelling, onTell, onBack }: TicketHeadProps) {
  const heading = useFocusWhenOpened();
  return (
    <header className={styles.head}>
      <div className={styles.title}>
        <ActionIcon className={styles.back} variant="subtle" color="gray" aria-label="Back to the list" onClick={onBack}>
          <ArrowLeftIcon size={18} aria-hidden />
        </ActionIcon>
        <div className={styles.names}>
          <h2 className={styles.subject} ref={heading} tabIndex={-1} title={ticket.subject} dir="auto">
            {ticket.subject}
          </h2>
          <p className={styles.line}>
            <span className={styles.pill} data-status={ticket.status}>
              {ticket.answering ? "Being answered" : STATUS_LABELS[ticket.status]}
            </span>
            <span className={styles.ref}>{ticket.ticket_ref}</span>
            <span className={styles.who}>{ticket.customer.contact_name || ticket.customer.name}</span>
          </p>
        </div>
        <Button
          className={styles.tell}
          size="xs"
          variant="default"
          aria-pressed={isTelling}
          leftSection={<PanelRightIcon size={14} aria-hidden />}
          onClick={onTell}
        >
          Details
        </Button>
      </div>
      {mayWrite && <Actions ticket={ticket} />}
    </header>
  );
}

/** Keyboard and screen reader go on at the ticket that was opened, except where the browser itself opened the page. */
function useFocusWhenOpened() {
  const heading = useRef<HTMLHeadingElement>(null);
  const { key } = useLocation();
  const [isFirst] = useState(key === "default");
  useEffect(() => {
    if (!isFirst) heading.current?.focus({ preventScroll: true });
  }, [isFirst]);
  return heading;
}
