import { Alert, Button, Group, Modal, NativeSelect, Stack, Text, TextInput } from "@mantine/core";
import { useState, type FormEvent } from "react";
import { describeProblem } from "../../api/problems";
import { readKey } from "./filters";
import { listOptions, ROUTE_LABELS } from "./labels";
import { useEscalate, useTeams } from "./queries";
import type { TicketDetail } from "./types";

const MAX_REASON = 500;

interface EscalateDialogProps {
  ticket: TicketDetail;
  opened: boolean;
  onClose(): void;
}

/** Which team takes the ticket, and why. */
export function EscalateDialog({ ticket, opened, onClose }: EscalateDialogProps) {
  const [route, setRoute] = useState(readKey(ROUTE_LABELS, ticket.route) ?? "general");
  const [reason, setReason] = useState("");
  const escalate = useEscalate(ticket.ticket_ref);
  const teams = useTeams();
  const send = (event: FormEvent): void => {
    event.preventDefault();
    escalate.mutate({ route, reason }, { onSuccess: onClose });
  };
  const isAgents = ticket.owner === "agent";
  return (
    <Modal opened={opened} onClose={onClose} title={isAgents ? "Escalate this ticket" : "Change the team"}>
      <form onSubmit={send}>
        <Stack>
          <NativeSelect
            label="Team"
            data={listOptions(teams)}
            value={route}
            onChange={(event) => setRoute(readKey(ROUTE_LABELS, event.currentTarget.value) ?? "general")}
            data-autofocus
          />
          <TextInput
            label="Reason"
            description="For your colleagues; the customer is not shown it."
            required
            maxLength={MAX_REASON}
            value={reason}
            onChange={(event) => setReason(event.currentTarget.value)}
          />
          {isAgents && (
            <Text size="sm" c="dimmed">
              The customer is told that a person takes over.
            </Text>
          )}
          {escalate.isError && (
            <Alert color="red" role="alert" title={isAgents ? "Not escalated" : "Not changed"}>
              {describeProblem(escalate.error)}
            </Alert>
          )}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" disabled={reason.trim() === ""} loading={escalate.isPending}>
              {isAgents ? "Escalate" : "Change the team"}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
