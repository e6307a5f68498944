import { Alert, Button, Group, Modal, NativeSelect, Stack, Textarea, TextInput } from "@mantine/core";
import { useState, type FormEvent } from "react";
import { ticketAddress } from "../../../form/send";
import { createDraft } from "../../../shared/draft";
import type { Category } from "../../../shared/api-types";
import { CATEGORY_LABELS } from "../../../shared/labels";
import { describeField, describeProblem } from "../../api/problems";
import { useOpening, type NewTicket } from "./queries";

const FIELDS = ["subject", "category", "message"];
const TOPICS = Object.entries(CATEGORY_LABELS).map(([value, label]) => ({ value, label }));

const draft = createDraft<NewTicket>("nightdesk.own.ticket");

/** What is it about? Leads to the new ticket's page. What was typed is kept until the desk has it. */
export function NewTicketDialog({ close }: { close(): void }) {
  const opening = useOpening();
  const [kept] = useState(() => draft.load());
  const findFault = (field: string): string | null => describeField(opening.error, field);
  function submit(event: FormEvent<HTMLFormElement>): void {
    event.preventDefault();
    opening.mutate(readForm(event.currentTarget), {
      onSuccess(accepted) {
        draft.clear();
        location.assign(ticketAddress(accepted));
      },
    });
  }
  return (
    <Modal opened onClose={close} title="New ticket" size="lg">
      <form onSubmit={submit} onChange={(event) => draft.save(readForm(event.currentTarget))}>
        <Stack gap="md">
          {opening.isError && FIELDS.every((field) => findFault(field) === null) && (
            <Alert color="red" role="alert">
              {describeProblem(opening.error)}
            </Alert>
          )}
          <TextInput
            label="Subject"
            name="subject"
            defaultValue={kept?.subject}
            error={findFault("subject")}
            maxLength={200}
            data-autofocus
            {...NEEDED}
          />
          <NativeSelect
            label="Topic"
            name="category"
            data={TOPICS}
            defaultValue={kept?.category}
            error={findFault("category")}
          />
          <Textarea
            label="Message"
            description="What happened, and what did you expect? Please leave out passwords and card numbers."
            name="message"
            defaultValue={kept?.message}
            error={findFault("message")}
            rows={7}
            maxLength={10_000}
            {...NEEDED}
          />
          <Group justify="flex-end">
            <Button variant="default" onClick={close}>
              Cancel
            </Button>
            <Button type="submit" loading={opening.isPending}>
              Send message
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

function isCategory(value: string): value is Category {
  return value in CATEGORY_LABELS;
}

const NEEDED = { required: true, withAsterisk: false };

function readForm(form: HTMLFormElement): NewTicket {
  const written = new FormData(form);
  const take = (field: string): string => String(written.get(field)).trim();
  const category = take("category");
  return { subject: take("subject"), category: isCategory(category) ? category : "general", message: take("message") };
}
