import { Group, Kbd, Modal, Stack, Text, Title } from "@mantine/core";
import type { Command } from "./commands";
import { useCommands } from "./commands-context";

interface KeyboardHelpProps {
  opened: boolean;
  onClose(): void;
}

/** Every key that works right now, by group. */
export function KeyboardHelp({ opened, onClose }: KeyboardHelpProps) {
  const withKeys = useCommands().filter((command): command is Command & { key: string } => command.key !== undefined);
  const groups = Map.groupBy(withKeys, ({ group }) => group);
  return (
    <Modal opened={opened} onClose={onClose} title="Keyboard shortcuts" size="md">
      <Stack gap="lg">
        {[...groups].map(([group, commands]) => (
          <section key={group} aria-label={group}>
            <Title order={3} size="sm" c="dimmed" mb="xs">
              {group}
            </Title>
            <Stack gap={6}>
              {commands.map(({ key, label }) => (
                <Group key={key} justify="space-between">
                  <Text size="sm">{label}</Text>
                  <Keys keys={key} />
                </Group>
              ))}
            </Stack>
          </section>
        ))}
      </Stack>
    </Modal>
  );
}

export function Keys({ keys }: { keys: string }) {
  return (
    <Group gap={4} wrap="nowrap">
      {keys.split(" ").map((key, index) => (
        <Kbd key={index}>{NAMES[key] ?? key}</Kbd>
      ))}
    </Group>
  );
}

const NAMES: Record<string, string> = { Enter: "↵", Escape: "Esc", ArrowUp: "↑", ArrowDown: "↓" };
