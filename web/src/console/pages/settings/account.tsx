import { Alert, Badge, Button, Group, PasswordInput, Stack, Text, Title } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import type { FormEvent } from "react";
import { describeField, describeProblem } from "../../api/problems";
import panel from "../../parts/panel.module.css";
import { useUser } from "../../session/session-context";
import { ROLE_LABELS } from "./labels";
import { useOwnPassword } from "./queries";
import styles from "./settings.module.css";

/** What everybody may see and change of their own account. */
export function Account() {
  return (
    <div className={styles.own}>
      <Person />
      <PasswordForm />
    </div>
  );
}

function Person() {
  const user = useUser();
  return (
    <section className={panel.padded} aria-label="Who you are">
      <Group justify="space-between" mb="md">
        <Title order={2} size="h4">
          {user.name || user.email}
        </Title>
        <Badge color="accent" variant="light">
          {ROLE_LABELS[user.role]}
        </Badge>
      </Group>
      <dl className={panel.facts}>
        <dt>Email</dt>
        <dd>{user.email}</dd>
        {user.role !== "user" && (
          <>
            <dt>You may</dt>
            <dd>{user.scopes.includes("admin") ? "do everything" : user.scopes.join(", ")}</dd>
          </>
        )}
      </dl>
      <Text size="sm" c="dimmed" mt="md">
        An admin changes your name, your email or your role.
      </Text>
    </section>
  );
}

function PasswordForm() {
  const changing = useOwnPassword();
  const findFault = (field: string): string | null => describeField(changing.error, field);
  function submit(event: FormEvent<HTMLFormElement>): void {
    event.preventDefault();
    const form = event.currentTarget;
    const written = new FormData(form);
    const passwords = { current: String(written.get("current")), new: String(written.get("new")) };
    changing.mutate(passwords, {
      onSuccess() {
        form.reset();
        notifications.show({ message: "Your password is changed, and you are signed out everywhere else." });
      },
    });
  }
  return (
    <section className={panel.padded} aria-label="Your password">
      <Title order={2} size="h4" mb={4}>
        Change your password
      </Title>
      <Text size="sm" c="dimmed" mb="md">
        Signs you out on every other device.
      </Text>
      <form onSubmit={submit}>
        <Stack gap="md">
          {changing.isError && findFault("current") === null && findFault("new") === null && (
            <Alert color="red" role="alert">
              {describeProblem(changing.error)}
            </Alert>
          )}
          <PasswordInput
            label="Current password"
            name="current"
            autoComplete="current-password"
            required
            withAsterisk={false}
            error={findFault("current")}
          />
          <PasswordInput
            label="New password"
            description="At least 12 characters"
            name="new"
            autoComplete="new-password"
            required
            withAsterisk={false}
            error={findFault("new")}
          />
          <Group>
            <Button type="submit" loading={changing.isPending}>
              Change it
            </Button>
          </Group>
        </Stack>
      </form>
    </section>
  );
}
