import { Avatar } from "@mantine/core";
import { CircleAlertIcon, MailIcon, MessageCircleIcon, PanelTopIcon, type LucideIcon } from "lucide-react";
import { memo } from "react";
import { Link, useLocation } from "react-router";
import { PRIORITY_LABELS } from "../../../shared/labels";
import { describeMoment } from "../../../shared/time";
import { CHANNEL_LABELS, STATUS_LABELS } from "./labels";
import { describeDue, shortenAge } from "./moments";
import type { Channel, TicketRow } from "./types";
import { nameRow } from "./use-walk";
import styles from "./list.module.css";

export const CHANNEL_ICONS: Record<Channel, LucideIcon> = {
  web: PanelTopIcon,
  gmail: MailIcon,
  mailbox: MailIcon,
  whatsapp: MessageCircleIcon,
};

const SPEAKERS = { customer: "", assistant: "Assistant: ", person: "Team: ", system: "" } as const;

interface TicketLineProps {
  row: TicketRow;
  now: number;
  isOpen: boolean;
  onLook(ref: string): void;
}

/** A ticket in the list: who, since when, about what, what was said last, and how it stands. */
export const TicketLine = memo(function TicketLine({ row, now, isOpen, onLook }: TicketLineProps) {
  const { search } = useLocation();
  const last = row.last_message;
  const at = last?.created_at ?? row.created_at;
  return (
    <li>
      <Link
        id={nameRow(row.ticket_ref)}
        className={styles.line}
        to={{ pathname: `/tickets/${row.ticket_ref}`, search }}
        aria-current={isOpen ? "true" : undefined}
        data-waiting={row.awaits_person || undefined}
        onFocus={() => onLook(row.ticket_ref)}
      >
        <span className={styles.head}>
          <span className={styles.customer} title={row.customer_name}>
            {row.customer_name || "Unknown"}
          </span>
          <time className={styles.age} dateTime={at} title={describeMoment(at)}>
            {shortenAge(at, now)}
          </time>
        </span>
        <span className={styles.subject} title={row.subject} dir="auto">
          {row.subject}
        </span>
        {last && (
          <span className={styles.excerpt} dir="auto">
            {SPEAKERS[last.author]}
            {last.excerpt}
          </span>
        )}
        <Marks row={row} now={now} />
      </Link>
    </li>
  );
});

function Marks({ row, now }: { row: TicketRow; now: number }) {
  const ChannelIcon = CHANNEL_ICONS[row.channel];
  const isPressing = row.priority === "high" || row.priority === "urgent";
  return (
    <span className={styles.marks}>
      <ChannelIcon size={14} aria-label={CHANNEL_LABELS[row.channel]} />
      <span className={styles.status} data-status={row.status}>
        {row.answering ? "Being answered" : STATUS_LABELS[row.status]}
      </span>
      {isPressing && (
        <span className={styles.priority} data-priority={row.priority}>
          {PRIORITY_LABELS[row.priority]}
        </span>
      )}
      {row.awaits_person && <Due iso={row.first_reply_due} now={now} />}
      {row.delivery_problem !== null && (
        <CircleAlertIcon className={styles.problem} size={14} aria-label="A reply did not arrive" />
      )}
      {row.assignee && (
        <Avatar
          className={styles.assignee}
          size={20}
          color="accent"
          name={row.assignee.name}
          alt={`Assigned to ${row.assignee.name}`}
          title={`Assigned to ${row.assignee.name}`}
        />
      )}
    </span>
  );
}

export function Due({ iso, now }: { iso: string; now: number }) {
  const { text, isLate } = describeDue(iso, now);
  return (
    <span className={styles.due} data-late={isLate || undefined} title={describeMoment(iso)}>
      {text}
    </span>
  );
}
