import type { TicketDetail } from "./types";
import styles from "./panel.module.css";

/** Why the ticket came to the team, in the assistant's or a colleague's words. */
export function Handover({ ticket }: { ticket: TicketDetail }) {
  return (
    <div className={styles.words}>
      <p>{ticket.handover_reason}</p>
      {ticket.handover_summary && <p className={styles.none}>{ticket.handover_summary}</p>}
    </div>
  );
}
