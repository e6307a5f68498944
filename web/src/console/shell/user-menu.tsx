import { Avatar, Menu, Text, UnstyledButton, useMantineColorScheme, type MantineColorScheme } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { KeyboardIcon, LogOutIcon, MonitorIcon, MoonIcon, SunIcon, type LucideIcon } from "lucide-react";
import { useNavigate } from "react-router";
import { describeProblem } from "../api/problems";
import { useSession, useUser } from "../session/session-context";
import { useAction } from "./commands-context";

const LOOKS: { scheme: MantineColorScheme; label: string; icon: LucideIcon }[] = [
  { scheme: "light", label: "Light", icon: SunIcon },
  { scheme: "dark", label: "Dark", icon: MoonIcon },
  { scheme: "auto", label: "Like the system", icon: MonitorIcon },
];

export function UserMenu({ onKeyboardHelp }: { onKeyboardHelp(): void }) {
  const user = useUser();
  const signOut = useSignOut();
  useAction({ label: "Sign out", group: "Account", run: signOut });
  return (
    <Menu position="bottom-end" width={240}>
      <Menu.Target>
        <UnstyledButton className="user-button" aria-label={`Account of ${user.name || user.email}`}>
          <Avatar size={30} color="accent" name={user.name || user.email} alt="" />
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <div className="user-menu__who">
          <Text component="div" size="sm" fw={600} truncate>
            {user.name || user.email}
          </Text>
          <Text component="div" size="xs" c="dimmed" truncate>
            {user.email} · {user.role}
          </Text>
        </div>
        <Menu.Divider />
        <Menu.Label>Look</Menu.Label>
        <LookItems />
        <Menu.Divider />
        <Menu.Item leftSection={<KeyboardIcon size={16} aria-hidden />} onClick={onKeyboardHelp}>
          Keyboard shortcuts
        </Menu.Item>
        <Menu.Item leftSection={<LogOutIcon size={16} aria-hidden />} onClick={signOut}>
          Sign out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

function LookItems() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <Menu.RadioGroup value={colorScheme} onChange={(scheme) => setColorScheme(scheme as MantineColorScheme)}>
      {LOOKS.map(({ scheme, label, icon: Icon }) => (
        <Menu.RadioItem key={scheme} value={scheme} rightSection={<Icon size={16} aria-hidden />}>
          {label}
        </Menu.RadioItem>
      ))}
    </Menu.RadioGroup>
  );
}

function useSignOut(): () => void {
  const session = useSession();
  const navigate = useNavigate();
  return () => {
    session.signOut().then(
      () => navigate("/"),
      (error: unknown) => notifications.show({ color: "red", title: "Still signed in", message: describeProblem(error) }),
    );
  };
}
