import { useId, type ReactNode } from "react";
import { CustomerCard } from "./customer-card";
import { FeedbackSummary } from "./feedback-summary";
import { Handover } from "./handover";
import { Properties } from "./properties";
import { RunCard } from "./run-card";
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
      {ticket.handover_summary && (
        <Section title="Handed over">
          <Handover ticket={ticket} />
        </Section>
      )}
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

function Section({ title, children }: { title: string; children: ReactNode }) {
  const id = useId();
  return (
    <section className={styles.section} aria-labelledby={id}>
      <h3 id={id}>{title}</h3>
      {children}
    </section>
  );
}

/** A name and what it is, in a list of such. */
export function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className={styles.fact}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
