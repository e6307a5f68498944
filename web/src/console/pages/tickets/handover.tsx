import type { TicketDetail } from "./types";
import styles from "./panel.module.css";

/** Why the ticket came to the team, in the assistant's or a colleague's words. */
export function Handover({ ticket }: { ticket: TicketDetail }) {
  const isSaidBelow = ticket.runs.some(({ reason }) => reason === ticket.handover_reason);
  return (
    <div className={styles.words}>
      {!isSaidBelow && <p>{ticket.handover_reason}</p>}
      {ticket.handover_summary && <p>{ticket.handover_summary}</p>}
    </div>
  );
}
