import { NativeSelect, TextInput } from "@mantine/core";
import { useState, type FormEvent } from "react";
import { CATEGORY_LABELS, PRIORITY_LABELS } from "../../../shared/labels";
import { describeMoment } from "../../../shared/time";
import { readKey } from "./filters";
import { CHANNEL_LABELS, listOptions, readName, ROUTE_LABELS } from "./labels";
import { useCorrect, useTeams } from "./queries";
import { Fact } from "./section";
import { Due } from "./ticket-line";
import { hasPersonAnswered, type TicketDetail } from "./types";
import styles from "./panel.module.css";

const INTENT = "[a-z][a-z0-9_]{0,63}";

interface PropertiesProps {
  ticket: TicketDetail;
  now: number;
  mayWrite: boolean;
}

/** What the ticket is about and how it stands. What a person corrects, the assistant learns from. */
export function Properties({ ticket, now, mayWrite }: PropertiesProps) {
  const isPromised = ticket.owner === "person" && ticket.status !== "closed" && !hasPersonAnswered(ticket);
  return (
    <dl className={styles.facts}>
      <Fact name="First reply">
        {isPromised ? <Due iso={ticket.sla.first_reply_by} now={now} /> : "Done"}
        <span className={styles.aside}>{isPromised && describeMoment(ticket.sla.first_reply_by)}</span>
      </Fact>
      <Fact name="Channel">{CHANNEL_LABELS[ticket.channel]}</Fact>
      {mayWrite ? <Corrections ticket={ticket} /> : <Plain ticket={ticket} />}
    </dl>
  );
}

function Corrections({ ticket }: { ticket: TicketDetail }) {
  const correct = useCorrect(ticket.ticket_ref);
  const teams = useTeams();
  return (
    <>
      <Choice
        name="Priority"
        labels={PRIORITY_LABELS}
        value={ticket.priority}
        onChange={(value) => correct.mutate({ priority: readKey(PRIORITY_LABELS, value) })}
      />
      <Choice
        name="Topic"
        labels={CATEGORY_LABELS}
        value={ticket.category}
        onChange={(value) => correct.mutate({ category: readKey(CATEGORY_LABELS, value) })}
      />
      <Choice
        name="Team"
        labels={ticket.route === null ? { "": "None yet", ...teams } : teams}
        value={ticket.route ?? ""}
        onChange={(value) => correct.mutate({ route: readKey(ROUTE_LABELS, value) })}
      />
      <Fact name="Intent">
        <IntentField key={ticket.intent} intent={ticket.intent ?? ""} onChange={(intent) => correct.mutate({ intent })} />
      </Fact>
    </>
  );
}

interface ChoiceProps {
  name: string;
  labels: Record<string, string>;
  value: string;
  onChange(value: string): void;
}

function Choice({ name, labels, value, onChange }: ChoiceProps) {
  return (
    <Fact name={name}>
      <NativeSelect
        size="xs"
        variant="unstyled"
        className={styles.choice}
        aria-label={name}
        data={listOptions(labels)}
        value={value}
        onChange={(event) => onChange(event.currentTarget.value)}
      />
    </Fact>
  );
}

/** The name of what the customer wants, such as `reset_password`; Enter or leaving the field takes it. */
function IntentField({ intent, onChange }: { intent: string; onChange(intent: string): void }) {
  const [typed, setTyped] = useState(intent);
  const isName = new RegExp(`^${INTENT}$`).test(typed);
  const take = (event: FormEvent): void => {
    event.preventDefault();
    if (isName && typed !== intent) onChange(typed);
  };
  return (
    <form onSubmit={take} onBlur={take}>
      <TextInput
        size="xs"
        variant="unstyled"
        className={styles.choice}
        aria-label="Intent"
        placeholder="Not known"
        value={typed}
        error={typed !== "" && !isName && "Small letters, digits and _ only."}
        onChange={(event) => setTyped(event.currentTarget.value)}
      />
    </form>
  );
}

function Plain({ ticket }: { ticket: TicketDetail }) {
  return (
    <>
      <Fact name="Priority">{PRIORITY_LABELS[ticket.priority]}</Fact>
      <Fact name="Topic">{CATEGORY_LABELS[ticket.category]}</Fact>
      <Fact name="Team">{ticket.team ?? "None yet"}</Fact>
      <Fact name="Intent">{ticket.intent === null ? "Not known" : readName(ticket.intent)}</Fact>
    </>
  );
}
