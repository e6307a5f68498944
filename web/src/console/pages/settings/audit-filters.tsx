import { Select, TextInput } from "@mantine/core";
import type { Asked } from "./audit-asked";
import { ACTIONS } from "./audit-words";
import styles from "./settings.module.css";

interface AuditFiltersProps {
  asked: Asked;
  names: ReadonlyMap<string, string>;
  ask(change: Partial<Asked>): void;
}

export function AuditFilters({ asked, names, ask }: AuditFiltersProps) {
  const people = [...names].map(([value, label]) => ({ value, label }));
  return (
    <div className={styles.filters}>
      <Select
        label="Who"
        placeholder="Anybody"
        clearable
        searchable
        nothingFoundMessage="Nobody of that name"
        data={people}
        value={asked.actor}
        onChange={(actor) => ask({ actor })}
      />
      <Select
        label="Did what"
        placeholder="Anything"
        clearable
        searchable
        nothingFoundMessage="No such action"
        data={ACTIONS.map((value) => ({ value, label: value.replace(".", " ").replaceAll("_", " ") }))}
        value={asked.action}
        onChange={(action) => ask({ action })}
      />
      <Day label="From" day={asked.from} onChange={(from) => ask({ from })} />
      <Day label="To" day={asked.to} onChange={(to) => ask({ to })} />
    </div>
  );
}

function Day({ label, day, onChange }: { label: string; day: string | null; onChange(day: string | null): void }) {
  return (
    <TextInput
      label={label}
      type="date"
      value={day ?? ""}
      onChange={({ currentTarget: { value } }) => onChange(value === "" ? null : value)}
    />
  );
}
