import { Alert, Button, Group, Modal, Stack, Text, TextInput } from "@mantine/core";
import type { FormEvent } from "react";
import { describeField, describeProblem } from "../../api/problems";
import { CHANNEL_LABELS } from "./labels";
import { useDelivery, useTestMessage } from "./queries";
import { TestOutcome } from "./test-outcome";
import type { Channel } from "./types";

/** Sends a test message from an inbox and shows what becomes of it. */
export function TestDialog({ channel, close }: { channel: Channel; close(): void }) {
  const sending = useTestMessage(channel);
  const delivery = useDelivery(sending.data?.id ?? null);
  const sent = delivery.data ?? sending.data;
  const isWeb = channel.channel === "web";
  function submit(event: FormEvent<HTMLFormElement>): void {
    event.preventDefault();
    sending.mutate(isWeb ? null : String(new FormData(event.currentTarget).get("to")).trim());
  }
  return (
    <Modal opened onClose={close} title={`Test ${CHANNEL_LABELS[channel.channel]} · ${channel.inbox}`}>
      <form onSubmit={submit}>
        <Stack gap="md">
          {isWeb ? (
            <Text size="sm">
              A question goes through the whole desk, from the queue to the answer, as a customer&apos;s would. Nobody
              is written to.
            </Text>
          ) : (
            <TextInput
              label={channel.channel === "whatsapp" ? "To which number" : "To which address"}
              description="Your own or a colleague's: customers are refused."
              name="to"
              required
              withAsterisk={false}
              maxLength={254}
              data-autofocus
              type={channel.channel === "whatsapp" ? "tel" : "email"}
              placeholder={channel.channel === "whatsapp" ? "+4930123456" : "you@example.com"}
              error={describeField(sending.error, "to")}
            />
          )}
          {sending.isError && describeField(sending.error, "to") === null && (
            <Alert color="red" role="alert">
              {describeProblem(sending.error)}
            </Alert>
          )}
          {sent && !sending.isPending && <TestOutcome message={sent} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={close}>
              {sent ? "Done" : "Cancel"}
            </Button>
            <Button type="submit" loading={sending.isPending}>
              {sent ? "Send another" : "Send it"}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
