import { CustomerCard } from "./customer-card";
import { FeedbackSummary } from "./feedback-summary";
import { Handover } from "./handover";
import { Properties } from "./properties";
import { RunCard } from "./run-card";
import { Section } from "./section";
import type { TicketDetail } from "./types";
import styles from "./panel.module.css";

/** Beside the conversation: what the ticket is, whose it is, and why the assistant did what it did. */
export function SidePanel({ ticket, now, mayWrite }: { ticket: TicketDetail; now: number; mayWrite: boolean }) {
  const runs = ticket.runs.toReversed();
  return (
    <aside className={styles.panel} aria-label="Details">
      <Section title="Ticket">
        <Properties ticket={ticket} now={now} mayWrite={mayWrite} />
      </Section>
      <Handover ticket={ticket} />
      {ticket.feedback.length > 0 && (
        <Section title="Feedback">
          <FeedbackSummary feedback={ticket.feedback} />
        </Section>
      )}
      <Section title={runs.length > 1 ? "The assistant's decisions" : "The assistant's decision"}>
        {runs.length === 0 && <p className={styles.none}>The assistant has not worked on this ticket.</p>}
        {runs.map((run, index) => (
          <RunCard key={run.id} run={run} now={now} isLatest={index === 0} />
        ))}
      </Section>
      <Section title="Customer">
        <CustomerCard ticket={ticket} />
      </Section>
    </aside>
  );
}
