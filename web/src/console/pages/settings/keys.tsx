import { Badge, Button, Group, Modal, Table, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { notifications } from "@mantine/notifications";
import { KeyRoundIcon, PlusIcon } from "lucide-react";
import { useState } from "react";
import { describeProblem } from "../../api/problems";
import { Age } from "../../parts/age";
import panel from "../../parts/panel.module.css";
import { Empty, LoadProblem, More, SkeletonRows } from "../../parts/states";
import { describeKey } from "./key-state";
import { TIER_LABELS } from "./labels";
import { NewKeyDialog } from "./new-key-dialog";
import { useKeys, useRevoking } from "./queries";
import styles from "./settings.module.css";
import type { Key } from "./types";

export function Keys() {
  const list = useKeys();
  const [isMaking, making] = useDisclosure();
  const [revoked, askToRevoke] = useState<Key | null>(null);
  const keys = list.data?.pages.flatMap((page) => page.keys);
  return (
    <>
      <Group justify="space-between" mb="md">
        <Text size="sm" c="dimmed">
          For machines that use the API. Each may do only what it is for.
        </Text>
        <Button leftSection={<PlusIcon size={16} aria-hidden />} onClick={making.open}>
          New key
        </Button>
      </Group>
      {list.isPending && <SkeletonRows />}
      {list.isError && !keys && (
        <LoadProblem title="The keys could not be loaded" error={list.error} retry={list.refetch} />
      )}
      {keys?.length === 0 && (
        <Empty icon={KeyRoundIcon} title="There is no key yet">
          <p>Make one for each machine, so that you can revoke it without stopping the others.</p>
        </Empty>
      )}
      {keys && keys.length > 0 && <KeyTable keys={keys} revoke={askToRevoke} />}
      <More list={list} />
      {isMaking && <NewKeyDialog close={making.close} />}
      {revoked && <RevokeDialog revoked={revoked} close={() => askToRevoke(null)} />}
    </>
  );
}

function KeyTable({ keys, revoke }: { keys: Key[]; revoke(key: Key): void }) {
  return (
    <div className={panel.panel}>
      <Table verticalSpacing="sm" horizontalSpacing="md" aria-label="API keys">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Key</Table.Th>
            <Table.Th visibleFrom="md">May</Table.Th>
            <Table.Th visibleFrom="lg">Limit</Table.Th>
            <Table.Th visibleFrom="sm">Last used</Table.Th>
            <Table.Th className={styles.narrow}>
              <span className={styles.unseen}>Actions</span>
            </Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {keys.map((key) => (
            <KeyRow key={key.id} shown={key} revoke={() => revoke(key)} />
          ))}
        </Table.Tbody>
      </Table>
    </div>
  );
}

function KeyRow({ shown, revoke }: { shown: Key; revoke(): void }) {
  const state = describeKey(shown, Date.now());
  return (
    <Table.Tr data-off={!state.isGood || undefined} className={styles.person}>
      <Table.Td className={styles.who}>
        <Text size="sm" fw={550} truncate title={shown.name}>
          {shown.name}
        </Text>
        <Text size="xs" c="dimmed" ff="monospace">
          {shown.prefix}…
        </Text>
      </Table.Td>
      <Table.Td visibleFrom="md">
        <Group gap={4}>
          {shown.scopes.map((scope) => (
            <Badge key={scope} className={styles.scope} color={scope === "admin" ? "yellow" : "gray"} variant="light">
              {scope}
            </Badge>
          ))}
        </Group>
      </Table.Td>
      <Table.Td visibleFrom="lg" className={styles.quiet}>
        {TIER_LABELS[shown.tier]}
      </Table.Td>
      <Table.Td visibleFrom="sm" className={styles.quiet}>
        {shown.last_used_at === null ? "Never" : <Age at={shown.last_used_at} />}
      </Table.Td>
      <Table.Td className={styles.end}>
        {state.isGood ? (
          <Button variant="subtle" color="red" size="compact-sm" aria-label={`Revoke ${shown.name}`} onClick={revoke}>
            Revoke
          </Button>
        ) : (
          <Badge color="red" variant="light">
            {state.label}
          </Badge>
        )}
      </Table.Td>
    </Table.Tr>
  );
}

function RevokeDialog({ revoked, close }: { revoked: Key; close(): void }) {
  const revoking = useRevoking();
  const run = (): void =>
    revoking.mutate(revoked.id, {
      onSuccess() {
        notifications.show({ message: `${revoked.name} is revoked.` });
        close();
      },
    });
  return (
    <Modal opened onClose={close} title={`Revoke ${revoked.name}?`}>
      <Text size="sm">Whatever uses it is refused from the next request on. It cannot be taken back.</Text>
      {revoking.isError && (
        <Text size="sm" c="red" mt="sm" role="alert">
          {describeProblem(revoking.error)}
        </Text>
      )}
      <Group justify="flex-end" mt="lg">
        <Button variant="default" onClick={close} data-autofocus>
          Keep it
        </Button>
        <Button color="red" loading={revoking.isPending} onClick={run}>
          Revoke
        </Button>
      </Group>
    </Modal>
  );
}
