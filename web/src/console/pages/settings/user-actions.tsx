import { ActionIcon, Menu } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { notifications } from "@mantine/notifications";
import { EllipsisIcon, KeyRoundIcon, UserCheckIcon, UserXIcon } from "lucide-react";
import { describeProblem } from "../../api/problems";
import { isRole, listChoices, ROLE_LABELS } from "./labels";
import { PasswordDialog } from "./password-dialog";
import { useAccountChange } from "./queries";
import type { Account, AccountChange } from "./types";

export function UserActions({ account }: { account: Account }) {
  const name = account.name || account.email;
  const changing = useAccountChange(account.id);
  const [isResetting, resetting] = useDisclosure();
  const change = (parts: AccountChange, done: string): void =>
    changing.mutate(parts, {
      onSuccess: () => notifications.show({ message: done }),
      onError: (error) =>
        notifications.show({ color: "red", title: `${name} was not changed`, message: describeProblem(error) }),
    });
  const chooseRole = (role: string): void => {
    if (isRole(role) && role !== account.role) change({ role }, `${name} is ${ROLE_LABELS[role].toLowerCase()} now.`);
  };
  return (
    <>
      <Menu position="bottom-end" width={230}>
        <Menu.Target>
          <ActionIcon variant="subtle" color="gray" loading={changing.isPending} aria-label={`Change ${name}`}>
            <EllipsisIcon size={18} aria-hidden />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Label>Role</Menu.Label>
          <Menu.RadioGroup value={account.role} onChange={chooseRole}>
            {listChoices(ROLE_LABELS).map(({ value, label }) => (
              <Menu.RadioItem key={value} value={value}>
                {label}
              </Menu.RadioItem>
            ))}
          </Menu.RadioGroup>
          <Menu.Divider />
          <Menu.Item leftSection={<KeyRoundIcon size={16} aria-hidden />} onClick={resetting.open}>
            Reset the password
          </Menu.Item>
          {account.is_disabled ? (
            <Menu.Item
              leftSection={<UserCheckIcon size={16} aria-hidden />}
              onClick={() => change({ disabled: false }, `${name} may sign in again.`)}
            >
              Let in again
            </Menu.Item>
          ) : (
            <Menu.Item
              color="red"
              leftSection={<UserXIcon size={16} aria-hidden />}
              onClick={() => change({ disabled: true }, `${name} is signed out everywhere and cannot sign in.`)}
            >
              Disable
            </Menu.Item>
          )}
        </Menu.Dropdown>
      </Menu>
      {isResetting && <PasswordDialog account={account} close={resetting.close} />}
    </>
  );
}
