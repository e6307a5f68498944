import { Alert, Button, CopyButton, Group, Modal, Stack, TextInput } from "@mantine/core";
import { CheckIcon, CopyIcon } from "lucide-react";
import styles from "./settings.module.css";
import type { KeyMade } from "./types";

/** The only time that a key is seen, so a click beside the dialog does not close it. */
export function KeyShownOnce({ made, close }: { made: KeyMade; close(): void }) {
  return (
    <Modal
      opened
      onClose={close}
      title={`The key of ${made.name}`}
      closeOnClickOutside={false}
      closeOnEscape={false}
      withCloseButton={false}
    >
      <Stack gap="md">
        <Alert color="yellow" title="Copy it now">
          It is shown this once. Only its hash is stored, so nobody can show it again; a lost key is revoked and made
          anew.
        </Alert>
        <Group align="flex-end" gap="xs" wrap="nowrap">
          <TextInput
            flex={1}
            label="API key"
            readOnly
            classNames={{ input: styles.key ?? "" }}
            value={made.key}
            onFocus={({ currentTarget }) => currentTarget.select()}
          />
          <CopyButton value={made.key}>
            {({ copied, copy }) => (
              <Button
                variant="default"
                onClick={copy}
                leftSection={copied ? <CheckIcon size={16} aria-hidden /> : <CopyIcon size={16} aria-hidden />}
              >
                {copied ? "Copied" : "Copy"}
              </Button>
            )}
          </CopyButton>
        </Group>
        <Group justify="flex-end">
          <Button onClick={close}>I have it</Button>
        </Group>
      </Stack>
    </Modal>
  );
}
