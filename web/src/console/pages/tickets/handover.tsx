import { Section } from "./section";
import type { TicketDetail } from "./types";
import styles from "./panel.module.css";

/** Why the ticket came to the team, unless the assistant's decision below says so in the same words. */
export function Handover({ ticket }: { ticket: TicketDetail }) {
  const { handover_reason, handover_summary, runs } = ticket;
  const reason = runs.some((run) => run.reason === handover_reason) ? null : handover_reason;
  if (!reason && !handover_summary) return null;
  return (
    <Section title="Handed over">
      <div className={styles.words}>
        {reason && <p>{reason}</p>}
        {handover_summary && <p>{handover_summary}</p>}
      </div>
    </Section>
  );
}
