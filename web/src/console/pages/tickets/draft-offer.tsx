import { Button, Text } from "@mantine/core";
import { BotIcon } from "lucide-react";
import styles from "./composer.module.css";

/** What the assistant would have answered when it handed over. A person reads it before it is sent. */
export function DraftOffer({ text, onUse }: { text: string; onUse(): void }) {
  return (
    <aside className={styles.offer} aria-label="The assistant's draft">
      <BotIcon size={16} aria-hidden />
      <Text size="sm" lineClamp={2} title={text} dir="auto">
        {text}
      </Text>
      <Button size="compact-xs" variant="default" onClick={onUse}>
        Use draft
      </Button>
    </aside>
  );
}
