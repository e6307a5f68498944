import { Anchor } from "@mantine/core";
import { Link, useLocation } from "react-router";
import { STATUS_LABELS } from "./labels";
import { useCustomerTickets } from "./queries";
import { Fact } from "./section";
import type { TicketDetail } from "./types";
import styles from "./panel.module.css";

const IDENTITIES: Record<TicketDetail["customer"]["identity_level"], string> = {
  proven: "Proven",
  channel_asserted: "Asserted by the channel",
  self_reported: "Self-reported, not proven",
};

/** Whose ticket it is, and their others. */
export function CustomerCard({ ticket }: { ticket: TicketDetail }) {
  const { customer } = ticket;
  return (
    <>
      <dl className={styles.facts}>
        <Fact name="Name">{customer.contact_name || customer.name || "Unknown"}</Fact>
        <Fact name="Identity">{IDENTITIES[customer.identity_level]}</Fact>
        <Fact name="Plan">{customer.plan}</Fact>
      </dl>
      <OtherTickets customerId={customer.id} except={ticket.ticket_ref} />
    </>
  );
}

function OtherTickets({ customerId, except }: { customerId: string; except: string }) {
  const { data } = useCustomerTickets(customerId);
  const { search } = useLocation();
  const others = data?.tickets.filter(({ ticket_ref }) => ticket_ref !== except) ?? [];
  if (others.length === 0) return data ? <p className={styles.none}>No other tickets.</p> : null;
  return (
    <>
      <ul className={styles.others} aria-label="Other tickets of this customer">
        {others.map((other) => (
          <li key={other.ticket_ref}>
            <Link to={{ pathname: `/tickets/${other.ticket_ref}`, search }} title={other.subject}>
              {other.subject}
            </Link>
            <span>{STATUS_LABELS[other.status]}</span>
          </li>
        ))}
      </ul>
      <Anchor component={Link} to={`/tickets?customer=${customerId}`} size="xs">
        All tickets of this customer
      </Anchor>
    </>
  );
}
