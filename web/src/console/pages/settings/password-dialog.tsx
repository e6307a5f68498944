import { Alert, Button, Group, Modal, PasswordInput, Stack, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import type { FormEvent } from "react";
import { describeField, describeProblem } from "../../api/problems";
import { usePasswordReset } from "./queries";
import type { Account } from "./types";

export function PasswordDialog({ account, close }: { account: Account; close(): void }) {
  const resetting = usePasswordReset(account.id);
  const name = account.name || account.email;
  const fault = describeField(resetting.error, "password");
  function submit(event: FormEvent<HTMLFormElement>): void {
    event.preventDefault();
    resetting.mutate(String(new FormData(event.currentTarget).get("password")), {
      onSuccess() {
        notifications.show({ message: `${name} has a new password and is signed out everywhere.` });
        close();
      },
    });
  }
  return (
    <Modal opened onClose={close} title={`New password for ${name}`}>
      <form onSubmit={submit}>
        <Stack gap="md">
          <Text size="sm">Tell it to them by a way you trust. They change it under Settings › Your account.</Text>
          {resetting.isError && fault === null && (
            <Alert color="red" role="alert">
              {describeProblem(resetting.error)}
            </Alert>
          )}
          <PasswordInput
            label="New password"
            description="At least 12 characters"
            name="password"
            autoComplete="new-password"
            required
            withAsterisk={false}
            error={fault}
            data-autofocus
          />
          <Group justify="flex-end">
            <Button variant="default" onClick={close}>
              Cancel
            </Button>
            <Button type="submit" loading={resetting.isPending}>
              Set it
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
