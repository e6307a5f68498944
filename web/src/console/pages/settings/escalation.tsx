import { Alert, Button, Group, Modal, Stack, Text, Textarea, TextInput, Title } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useState, type FormEvent } from "react";
import { describeField, describeProblem } from "../../api/problems";
import panel from "../../parts/panel.module.css";
import { LoadProblem, SkeletonRows } from "../../parts/states";
import { ROUTE_LABELS } from "./labels";
import { useRouteChange, useRoutes } from "./queries";
import styles from "./settings.module.css";
import type { EscalationRoute } from "./types";

/** To which team each kind of matter goes when a person is needed. */
export function Escalation() {
  const list = useRoutes();
  const [edited, edit] = useState<EscalationRoute | null>(null);
  if (list.isPending) return <SkeletonRows rows={6} height={64} />;
  if (!list.data) return <LoadProblem title="The routes could not be loaded" error={list.error} retry={list.refetch} />;
  return (
    <>
      <Text size="sm" c="dimmed" mb="md" maw="44rem">
        When the desk hands a ticket over, it goes to the team of its kind. Changes count for tickets that are handed
        over from now on.
      </Text>
      <ul className={panel.rows} aria-label="Escalation routes">
        {list.data.routes.map((route) => (
          <li key={route.category} className={styles.route}>
            <Title order={2} size="h5">
              {ROUTE_LABELS[route.category]}
            </Title>
            <div className={styles.grow}>
              <Text size="sm" fw={550}>
                {route.team}
              </Text>
              <Text size="sm" c="dimmed" lineClamp={2} title={route.instructions}>
                {route.instructions || "No instructions"}
              </Text>
            </div>
            <Button
              variant="default"
              size="xs"
              aria-label={`Edit ${ROUTE_LABELS[route.category]}`}
              onClick={() => edit(route)}
            >
              Edit
            </Button>
          </li>
        ))}
      </ul>
      {edited && <RouteDialog route={edited} close={() => edit(null)} />}
    </>
  );
}

function RouteDialog({ route, close }: { route: EscalationRoute; close(): void }) {
  const saving = useRouteChange();
  const label = ROUTE_LABELS[route.category];
  function submit(event: FormEvent<HTMLFormElement>): void {
    event.preventDefault();
    const written = new FormData(event.currentTarget);
    const change = { team: String(written.get("team")), instructions: String(written.get("instructions")) };
    saving.mutate(
      { category: route.category, ...change },
      {
        onSuccess() {
          notifications.show({ message: `${label} goes to ${change.team} from now on.` });
          close();
        },
      },
    );
  }
  return (
    <Modal opened onClose={close} title={`${label}: who takes over`} size="lg">
      <form onSubmit={submit}>
        <Stack gap="md">
          {saving.isError && (
            <Alert color="red" role="alert">
              {describeProblem(saving.error)}
            </Alert>
          )}
          <TextInput
            label="Team"
            name="team"
            required
            withAsterisk={false}
            maxLength={120}
            defaultValue={route.team}
            error={describeField(saving.error, "team")}
            data-autofocus
          />
          <Textarea
            label="Instructions"
            description="The team sees them with every ticket that is handed over."
            name="instructions"
            autosize
            minRows={3}
            maxRows={10}
            maxLength={2000}
            defaultValue={route.instructions}
            error={describeField(saving.error, "instructions")}
          />
          <Group justify="flex-end">
            <Button variant="default" onClick={close}>
              Cancel
            </Button>
            <Button type="submit" loading={saving.isPending}>
              Save
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
