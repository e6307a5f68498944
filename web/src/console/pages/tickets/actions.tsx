import { Button, Menu, Tooltip } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { ArrowUpRightIcon, BotIcon, CheckIcon, RotateCcwIcon, UserPlusIcon, type LucideIcon } from "lucide-react";
import { useUser } from "../../session/session-context";
import { Keys } from "../../shell/keyboard-help";
import { useShortcut } from "../../shell/commands-context";
import { EscalateDialog } from "./escalate-dialog";
import { useAssign, useColleagues, useStep } from "./queries";
import type { Member, TicketDetail } from "./types";
import styles from "./ticket.module.css";

const GROUP = "Ticket";

/** What can be done to the ticket as a whole; only what its status allows is there. */
export function Actions({ ticket }: { ticket: TicketDetail }) {
  const [isEscalating, escalating] = useDisclosure();
  const step = useStep(ticket.ticket_ref);
  const may = new Set(ticket.allowed);
  const isAgents = ticket.owner === "agent";
  return (
    <div className={styles.actions} role="group" aria-label="Ticket actions">
      <AssignMenu ticket={ticket} />
      {may.has("escalate") && (
        <Action
          keys="e"
          label={isAgents ? "Escalate" : "Change team"}
          command="Escalate"
          icon={ArrowUpRightIcon}
          onRun={escalating.open}
        />
      )}
      {may.has("release") && !isAgents && (
        <Action
          keys="b"
          label="To assistant"
          command="Give back to the assistant"
          icon={BotIcon}
          onRun={() => step.mutate("release")}
        />
      )}
      {may.has("close") && (
        <Action keys="x" label="Close" command="Close" icon={CheckIcon} onRun={() => step.mutate("close")} />
      )}
      {may.has("reopen") && (
        <Action keys="o" label="Reopen" command="Reopen" icon={RotateCcwIcon} onRun={() => step.mutate("reopen")} />
      )}
      <EscalateDialog key={String(isEscalating)} ticket={ticket} opened={isEscalating} onClose={escalating.close} />
    </div>
  );
}

interface ActionProps {
  keys: string;
  label: string;
  /** What it is called in the search and in the keyboard help. */
  command: string;
  icon: LucideIcon;
  onRun(): void;
}

function Action({ keys, label, command, icon: Icon, onRun }: ActionProps) {
  useShortcut({ key: keys, label: command, group: GROUP, run: onRun });
  return (
    <Tooltip label={<Hint text={command} keys={keys} />} openDelay={400}>
      <Button size="xs" variant="default" leftSection={<Icon size={14} aria-hidden />} onClick={onRun}>
        {label}
      </Button>
    </Tooltip>
  );
}

function Hint({ text, keys }: { text: string; keys: string }) {
  return (
    <span className={styles.hint}>
      {text} <Keys keys={keys} />
    </span>
  );
}

/** To whom the ticket is given: oneself, a colleague, or nobody. */
function AssignMenu({ ticket }: { ticket: TicketDetail }) {
  const user = useUser();
  const [isOpen, menu] = useDisclosure();
  const assign = useAssign(ticket.ticket_ref);
  const colleagues = useColleagues();
  const others = (colleagues.data?.agents ?? []).filter(({ id }) => id !== user.id);
  const self: Member = { id: user.id, name: user.name || user.email };
  useShortcut({ key: "a", label: "Assign", group: GROUP, run: menu.open });
  return (
    <Menu opened={isOpen} onChange={menu.set} position="bottom-start" width={220}>
      <Menu.Target>
        <Button
          size="xs"
          variant="default"
          leftSection={<UserPlusIcon size={14} aria-hidden />}
          aria-label={`Assign, now ${ticket.assignee?.name ?? "nobody"}`}
          classNames={{ label: styles.assignee ?? "" }}
        >
          {ticket.assignee?.name ?? "Assign"}
        </Button>
      </Menu.Target>
      <Menu.Dropdown className={styles.colleagues}>
        {ticket.assignee?.id !== self.id && <Menu.Item onClick={() => assign.mutate(self)}>Me</Menu.Item>}
        {ticket.assignee && <Menu.Item onClick={() => assign.mutate(null)}>Nobody</Menu.Item>}
        {others.length > 0 && <Menu.Divider />}
        {others.map((member) => (
          <Menu.Item key={member.id} disabled={member.id === ticket.assignee?.id} onClick={() => assign.mutate(member)}>
            {member.name}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}
