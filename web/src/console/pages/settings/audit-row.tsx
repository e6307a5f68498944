import { Text } from "@mantine/core";
import { Age } from "../../parts/age";
import panel from "../../parts/panel.module.css";
import { listChanges, tellEntry } from "./audit-words";
import styles from "./settings.module.css";
import type { AuditEntry } from "./types";

/** One thing that was done: a sentence, and under it everything that is known of it. */
export function AuditRow({ entry, names }: { entry: AuditEntry; names: ReadonlyMap<string, string> }) {
  const { actor, deed } = tellEntry(entry, names);
  return (
    <li>
      <details className={styles.entry}>
        <summary>
          <span className={styles.sentence}>
            <strong>{actor}</strong> {deed}
          </span>
          <Text component="span" size="xs" c="dimmed" className={styles.when}>
            <Age at={entry.at} />
          </Text>
        </summary>
        <Changes entry={entry} />
        <Origin entry={entry} />
      </details>
    </li>
  );
}

function Changes({ entry }: { entry: AuditEntry }) {
  const changes = listChanges(entry);
  if (changes.length === 0) return null;
  return (
    <table className={styles.changes}>
      <thead>
        <tr>
          <th scope="col">What</th>
          <th scope="col">Before</th>
          <th scope="col">After</th>
        </tr>
      </thead>
      <tbody>
        {changes.map(({ name, before, after }) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td>{before}</td>
            <td data-changed={before !== after || undefined}>{after}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Origin({ entry }: { entry: AuditEntry }) {
  const facts = [
    ["Entry", String(entry.seq)],
    ["Action", entry.action],
    ["Object", [entry.object_kind, entry.object_id].filter(Boolean).join(" ")],
    ["From", entry.address],
    ["By", entry.user_agent],
    ["Request", entry.request_id],
    ["Hash", entry.hash],
  ] as const;
  return (
    <dl className={panel.facts}>
      {facts.map(([name, value]) => value && <Fact key={name} name={name} value={value} />)}
    </dl>
  );
}

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </>
  );
}
