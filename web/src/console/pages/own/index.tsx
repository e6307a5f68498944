import { Badge, Button } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { MessagesSquareIcon, PlusIcon } from "lucide-react";
import { STATUS_LABELS } from "../../../shared/labels";
import { Age } from "../../parts/age";
import panel from "../../parts/panel.module.css";
import { Empty, LoadProblem, More, SkeletonRows } from "../../parts/states";
import { Page } from "../../shell/page";
import { useShortcut } from "../../shell/commands-context";
import { NewTicketDialog } from "./new-ticket-dialog";
import styles from "./own.module.css";
import { useOwnTickets, type OwnTicket } from "./queries";

const STATUS_COLOURS: Record<OwnTicket["status"], string> = {
  open: "accent",
  auto_resolved: "green",
  escalated: "yellow",
  closed: "gray",
};

const SPEAKERS = { customer: "You: ", assistant: "Assistant: ", person: "", system: "" } as const;

/** What a customer who signed in finds: their tickets, each leading to its page, and a way to open another. */
export default function OwnTickets() {
  const [isWriting, writing] = useDisclosure();
  const list = useOwnTickets();
  const tickets = list.data?.pages.flatMap((page) => page.tickets);
  useShortcut({ key: "n", label: "New ticket", group: "Tickets", run: writing.open });
  const button = (
    <Button leftSection={<PlusIcon size={16} aria-hidden />} onClick={writing.open}>
      New ticket
    </Button>
  );
  return (
    <Page title="Your tickets" actions={button}>
      {list.isPending && <SkeletonRows height={64} />}
      {list.isError && !tickets && (
        <LoadProblem title="Your tickets could not be loaded" error={list.error} retry={list.refetch} />
      )}
      {tickets?.length === 0 && (
        <Empty icon={MessagesSquareIcon} title="You have no tickets yet">
          <p>Tickets that you open here are kept here. Those from before you had an account open by their own links.</p>
        </Empty>
      )}
      {tickets && tickets.length > 0 && (
        <ul className={panel.rows} aria-label="Your tickets">
          {tickets.map((ticket) => (
            <Row key={ticket.ticket_ref} ticket={ticket} />
          ))}
        </ul>
      )}
      <More list={list} />
      {isWriting && <NewTicketDialog close={writing.close} />}
    </Page>
  );
}

function Row({ ticket }: { ticket: OwnTicket }) {
  const { ticket_ref, subject, status, page, last_message: last } = ticket;
  return (
    <li className={styles.row}>
      <div className={styles.what}>
        {page ? (
          <a className={styles.subject} href={page} title={subject} dir="auto">
            {subject}
          </a>
        ) : (
          <span className={styles.subject} title={subject} dir="auto">
            {subject}
          </span>
        )}
        <div className={styles.excerpt} dir="auto">
          {last ? `${SPEAKERS[last.author]}${last.excerpt}` : ticket_ref}
        </div>
      </div>
      <Badge color={STATUS_COLOURS[status]} variant="light">
        {STATUS_LABELS[status]}
      </Badge>
      <span className={styles.age}>
        <Age at={last?.created_at ?? ticket.created_at} />
      </span>
    </li>
  );
}
