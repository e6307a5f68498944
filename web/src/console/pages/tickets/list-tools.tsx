import { Button, CloseButton, NativeSelect, Popover, Stack, Switch, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { ListFilterIcon, SearchIcon } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { CATEGORY_LABELS, PRIORITY_LABELS } from "../../../shared/labels";
import { useShortcut } from "../../shell/commands-context";
import { countFilters, NO_FILTERS, readKey, type Filters } from "./filters";
import { CHANNEL_LABELS, listOptions, ROUTE_LABELS, SORT_LABELS } from "./labels";
import { useColleagues, useTeams } from "./queries";
import styles from "./layout.module.css";

const SEARCH_AFTER_MS = 250;
const MAX_WORDS = 200;

interface ToolsProps {
  filters: Filters;
  onChange(change: Partial<Filters>): void;
}

/** Search, filters and order of the list. */
export function ListTools({ filters, onChange }: ToolsProps) {
  return (
    <div className={styles.tools}>
      <SearchField words={filters.words} onChange={(words) => onChange({ words })} />
      <FilterMenu filters={filters} onChange={onChange} />
      <NativeSelect
        aria-label="Order"
        size="sm"
        data={listOptions(SORT_LABELS)}
        value={filters.sort}
        onChange={(event) => onChange({ sort: readKey(SORT_LABELS, event.currentTarget.value) ?? "waiting" })}
      />
    </div>
  );
}

function SearchField({ words, onChange }: { words: string; onChange(words: string): void }) {
  const [typed, setTyped] = useState(words);
  const field = useRef<HTMLInputElement>(null);
  const search = useDebouncedCallback(onChange, SEARCH_AFTER_MS);
  useEffect(() => setTyped(words), [words]);
  useShortcut({ key: "/", label: "Search tickets", group: "Tickets", run: () => field.current?.focus() });
  const change = (value: string): void => {
    setTyped(value);
    search(value);
  };
  return (
    <TextInput
      ref={field}
      className={styles.search}
      type="search"
      size="sm"
      aria-label="Search tickets and messages"
      placeholder="Search tickets and messages"
      maxLength={MAX_WORDS}
      leftSection={<SearchIcon size={16} aria-hidden />}
      rightSection={typed === "" ? null : <CloseButton size="sm" aria-label="Clear the search" onClick={() => change("")} />}
      value={typed}
      onChange={(event) => change(event.currentTarget.value)}
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        event.preventDefault();
        if (typed === "") event.currentTarget.blur();
        else change("");
      }}
    />
  );
}

function FilterMenu({ filters, onChange }: ToolsProps) {
  const count = countFilters(filters);
  return (
    <Popover position="bottom-end" width={280} shadow="md" trapFocus returnFocus>
      <Popover.Target>
        <Button variant={count === 0 ? "default" : "light"} size="sm" leftSection={<ListFilterIcon size={16} aria-hidden />}>
          {count === 0 ? "Filter" : `Filter · ${count}`}
        </Button>
      </Popover.Target>
      <Popover.Dropdown aria-label="Filter">
        <FilterFields filters={filters} onChange={onChange} />
      </Popover.Dropdown>
    </Popover>
  );
}

function FilterFields({ filters, onChange }: ToolsProps) {
  const colleagues = useColleagues().data?.agents ?? [];
  const teams = useTeams();
  const isAssigneeFixed = filters.view === "mine" || filters.view === "unassigned";
  return (
    <Stack gap="sm">
      <Choice
        label="Channel"
        labels={CHANNEL_LABELS}
        value={filters.channel}
        onChange={(value) => onChange({ channel: readKey(CHANNEL_LABELS, value) })}
      />
      <Choice
        label="Team"
        labels={teams}
        value={filters.route}
        onChange={(value) => onChange({ route: readKey(ROUTE_LABELS, value) })}
      />
      <Choice
        label="Priority"
        labels={PRIORITY_LABELS}
        value={filters.priority}
        onChange={(value) => onChange({ priority: readKey(PRIORITY_LABELS, value) })}
      />
      <Choice
        label="Topic"
        labels={CATEGORY_LABELS}
        value={filters.category}
        onChange={(value) => onChange({ category: readKey(CATEGORY_LABELS, value) })}
      />
      <Choice
        label="Assignee"
        labels={{ me: "Me", none: "Nobody", ...Object.fromEntries(colleagues.map(({ id, name }) => [id, name])) }}
        value={filters.assignee}
        isDisabled={isAssigneeFixed}
        onChange={(value) => onChange({ assignee: value === "" ? null : value })}
      />
      <Switch
        label="Only replies that did not arrive"
        checked={filters.isUndelivered}
        onChange={(event) => onChange({ isUndelivered: event.currentTarget.checked })}
      />
      <Button variant="subtle" size="compact-sm" disabled={countFilters(filters) === 0} onClick={() => onChange(NO_FILTERS)}>
        Clear the filters
      </Button>
    </Stack>
  );
}

interface ChoiceProps {
  label: string;
  labels: Record<string, string>;
  value: string | null;
  isDisabled?: boolean;
  onChange(value: string): void;
}

function Choice({ label, labels, value, isDisabled = false, onChange }: ChoiceProps) {
  return (
    <NativeSelect
      label={label}
      size="sm"
      data={[{ value: "", label: "Any" }, ...listOptions(labels)]}
      value={value ?? ""}
      disabled={isDisabled}
      onChange={(event) => onChange(event.currentTarget.value)}
    />
  );
}
