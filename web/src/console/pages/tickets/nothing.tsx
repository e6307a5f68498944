import { Text } from "@mantine/core";
import { Keys } from "../../shell/keyboard-help";
import styles from "./layout.module.css";

const HINTS = [
  ["j", "next ticket"],
  ["k", "previous ticket"],
  ["Enter", "open it"],
  ["/", "search"],
  ["?", "all keys"],
] as const;

/** Beside the list while no ticket is open. */
export function Nothing() {
  return (
    <section className={styles.nothing} aria-label="No ticket is open">
      <Text c="dimmed">Choose a ticket to read it.</Text>
      <dl className={styles.hints}>
        {HINTS.map(([key, meaning]) => (
          <div key={key}>
            <dt>
              <Keys keys={key} />
            </dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
