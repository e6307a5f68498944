import { Alert, Button, Checkbox, Group, Modal, Select, Stack, TextInput } from "@mantine/core";
import { useState, type FormEvent } from "react";
import { describeField, describeProblem } from "../../api/problems";
import { isScope, isTier, listChoices, SCOPE_LABELS, TIER_LABELS } from "./labels";
import { KeyShownOnce } from "./key-shown-once";
import { useMakingKey } from "./queries";
import type { Key } from "./types";

const FOREVER = "forever";
const LIVES = [
  { value: "30", label: "30 days" },
  { value: "90", label: "90 days" },
  { value: "365", label: "One year" },
  { value: FOREVER, label: "Until it is revoked" },
];

export function NewKeyDialog({ close }: { close(): void }) {
  const making = useMakingKey();
  const [scopes, setScopes] = useState<string[]>([]);
  const [tier, setTier] = useState<Key["tier"]>("standard");
  const [days, setDays] = useState("365");
  function submit(event: FormEvent<HTMLFormElement>): void {
    event.preventDefault();
    const name = String(new FormData(event.currentTarget).get("name"));
    const life = days === FOREVER ? null : Number(days);
    making.mutate({ name, scopes: scopes.filter(isScope), tier, days: life });
  }
  if (making.data) return <KeyShownOnce made={making.data} close={close} />;
  return (
    <Modal opened onClose={close} title="New API key">
      <form onSubmit={submit}>
        <Stack gap="md">
          {making.isError && (
            <Alert color="red" role="alert">
              {describeProblem(making.error)}
            </Alert>
          )}
          <TextInput
            label="For what"
            placeholder="Such as nightly report"
            name="name"
            required
            withAsterisk={false}
            autoComplete="off"
            error={describeField(making.error, "name")}
            data-autofocus
          />
          <Checkbox.Group label="May" value={scopes} onChange={setScopes}>
            <Stack gap="xs" mt={6}>
              {listChoices(SCOPE_LABELS).map(({ value, label }) => (
                <Checkbox key={value} value={value} label={label} description={value} />
              ))}
            </Stack>
          </Checkbox.Group>
          <Group grow align="flex-start">
            <Select
              label="Limit"
              allowDeselect={false}
              data={listChoices(TIER_LABELS)}
              value={tier}
              onChange={(value) => isTier(value) && setTier(value)}
            />
            <Select
              label="Good for"
              allowDeselect={false}
              data={LIVES}
              value={days}
              onChange={(value) => setDays(value ?? FOREVER)}
            />
          </Group>
          <Group justify="flex-end">
            <Button variant="default" onClick={close}>
              Cancel
            </Button>
            <Button type="submit" loading={making.isPending} disabled={scopes.length === 0}>
              Make the key
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
