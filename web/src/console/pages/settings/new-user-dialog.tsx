import { Alert, Button, Group, Modal, PasswordInput, Radio, Stack, TextInput } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useState, type FormEvent } from "react";
import { describeField, describeProblem } from "../../api/problems";
import { isRole, listChoices, ROLE_HINTS, ROLE_LABELS } from "./labels";
import { useOpening } from "./queries";
import type { Role } from "./types";

const FIELDS = ["name", "email", "password"];

export function NewUserDialog({ close }: { close(): void }) {
  const opening = useOpening();
  const [role, setRole] = useState<Role>("agent");
  const findFault = (field: string): string | null => describeField(opening.error, field);
  function submit(event: FormEvent<HTMLFormElement>): void {
    event.preventDefault();
    const written = new FormData(event.currentTarget);
    const take = (field: string): string => String(written.get(field));
    const account = { name: take("name"), email: take("email"), password: take("password"), role };
    opening.mutate(account, {
      onSuccess() {
        notifications.show({ message: `${account.name} can sign in now.` });
        close();
      },
    });
  }
  return (
    <Modal opened onClose={close} title="New account">
      <form onSubmit={submit}>
        <Stack gap="md">
          {opening.isError && FIELDS.every((field) => findFault(field) === null) && (
            <Alert color="red" role="alert">
              {describeProblem(opening.error)}
            </Alert>
          )}
          <TextInput label="Name" name="name" autoComplete="off" error={findFault("name")} data-autofocus {...NEEDED} />
          <TextInput
            label="Email"
            name="email"
            type="email"
            autoComplete="off"
            error={findFault("email")}
            {...NEEDED}
          />
          <PasswordInput
            label="First password"
            description="At least 12 characters. Tell it to them; they change it under Settings › Your account."
            name="password"
            autoComplete="new-password"
            error={findFault("password")}
            {...NEEDED}
          />
          <Radio.Group label="Role" value={role} onChange={(value) => isRole(value) && setRole(value)}>
            <Stack gap="xs" mt={6}>
              {listChoices(ROLE_LABELS).map(({ value, label }) => (
                <Radio
                  key={value}
                  value={value}
                  label={label}
                  description={isRole(value) ? ROLE_HINTS[value] : undefined}
                />
              ))}
            </Stack>
          </Radio.Group>
          <Group justify="flex-end">
            <Button variant="default" onClick={close}>
              Cancel
            </Button>
            <Button type="submit" loading={opening.isPending}>
              Open the account
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

const NEEDED = { required: true, withAsterisk: false };
