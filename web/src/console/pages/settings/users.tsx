import { Badge, Button, Group, Table, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { PlusIcon } from "lucide-react";
import { Age } from "../../parts/age";
import panel from "../../parts/panel.module.css";
import { LoadProblem, More, SkeletonRows } from "../../parts/states";
import { useUser } from "../../session/session-context";
import { ROLE_LABELS } from "./labels";
import { NewUserDialog } from "./new-user-dialog";
import { useAccounts } from "./queries";
import styles from "./settings.module.css";
import type { Account } from "./types";
import { UserActions } from "./user-actions";

export function Users() {
  const list = useAccounts();
  const [isOpening, opening] = useDisclosure();
  const accounts = list.data?.pages.flatMap((page) => page.users);
  return (
    <>
      <Group justify="space-between" mb="md">
        <Text size="sm" c="dimmed">
          Who may sign in, and what they may do.
        </Text>
        <Button leftSection={<PlusIcon size={16} aria-hidden />} onClick={opening.open}>
          New account
        </Button>
      </Group>
      {list.isPending && <SkeletonRows />}
      {list.isError && !accounts && (
        <LoadProblem title="The accounts could not be loaded" error={list.error} retry={list.refetch} />
      )}
      {accounts && (
        <div className={panel.panel}>
          <Table verticalSpacing="sm" horizontalSpacing="md" aria-label="Accounts">
            <Table.Thead>
              <Table.Tr>
                <Table.Th>Person</Table.Th>
                <Table.Th visibleFrom="sm">Role</Table.Th>
                <Table.Th visibleFrom="md">Last signed in</Table.Th>
                <Table.Th className={styles.narrow}>
                  <span className={styles.unseen}>Actions</span>
                </Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {accounts.map((account) => (
                <Row key={account.id} account={account} />
              ))}
            </Table.Tbody>
          </Table>
        </div>
      )}
      <More list={list} />
      {isOpening && <NewUserDialog close={opening.close} />}
    </>
  );
}

function Row({ account }: { account: Account }) {
  const isSelf = useUser().id === account.id;
  return (
    <Table.Tr data-off={account.is_disabled || undefined} className={styles.person}>
      <Table.Td className={styles.who}>
        <Text size="sm" fw={550} truncate title={account.name}>
          {account.name || account.email}
          {isSelf && " (you)"}
        </Text>
        <Text size="xs" c="dimmed" truncate title={account.email}>
          {account.email}
        </Text>
        <Text size="xs" c="dimmed" hiddenFrom="sm">
          {ROLE_LABELS[account.role]}
          {account.is_disabled && " · disabled"}
        </Text>
      </Table.Td>
      <Table.Td visibleFrom="sm">
        <Group gap="xs" wrap="nowrap">
          <Badge color={account.role === "admin" ? "accent" : "gray"} variant="light">
            {ROLE_LABELS[account.role]}
          </Badge>
          {account.is_disabled && (
            <Badge color="red" variant="light">
              Disabled
            </Badge>
          )}
        </Group>
      </Table.Td>
      <Table.Td visibleFrom="md" className={styles.quiet}>
        {account.last_sign_in_at === null ? "Never" : <Age at={account.last_sign_in_at} />}
      </Table.Td>
      <Table.Td>
        <UserActions account={account} />
      </Table.Td>
    </Table.Tr>
  );
}
