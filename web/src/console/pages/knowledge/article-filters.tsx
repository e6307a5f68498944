import { SegmentedControl, Select, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { SearchIcon } from "lucide-react";
import { useRef, useState } from "react";
import { useShortcut } from "../../shell/commands-context";
import styles from "./articles.module.css";
import type { Chosen, State } from "./filters";
import { AUDIENCE_LABELS, LANGUAGE_CHOICES } from "./labels";

const TYPING_MS = 250;
const STATES: { value: State; label: string }[] = [
  { value: "all", label: "All" },
  { value: "published", label: "Published" },
  { value: "drafts", label: "Drafts" },
];
const KINDS = [
  { value: "article", label: "Articles" },
  { value: "resolution", label: "Learned answers" },
] as const;
const AUDIENCES = [
  { value: "public", label: AUDIENCE_LABELS.public },
  { value: "internal", label: AUDIENCE_LABELS.internal },
] as const;

interface ArticleFiltersProps {
  chosen: Chosen;
  choose(change: Partial<Chosen>): void;
}

export function ArticleFilters({ chosen, choose }: ArticleFiltersProps) {
  return (
    <div className={styles.filters}>
      <WordsInput words={chosen.words} onChange={(words) => choose({ words })} />
      <SegmentedControl
        aria-label="State"
        size="sm"
        data={STATES}
        value={chosen.state}
        onChange={(state) => choose({ state })}
      />
      <Select
        aria-label="Kind"
        className={styles.select}
        placeholder="Any kind"
        clearable
        data={KINDS}
        value={chosen.kind}
        onChange={(kind) => choose({ kind })}
      />
      <Select
        aria-label="Who may read it"
        className={styles.select}
        placeholder="Any reader"
        clearable
        data={AUDIENCES}
        value={chosen.audience}
        onChange={(audience) => choose({ audience })}
      />
      <Select
        aria-label="Language"
        className={styles.select}
        placeholder="Any language"
        clearable
        searchable
        data={LANGUAGE_CHOICES}
        value={chosen.language}
        onChange={(language) => choose({ language })}
      />
    </div>
  );
}

function WordsInput({ words, onChange }: { words: string; onChange(words: string): void }) {
  const [typed, setTyped] = useState(words);
  const input = useRef<HTMLInputElement>(null);
  const tell = useDebouncedCallback(onChange, TYPING_MS);
  useShortcut({ key: "/", label: "Search the articles", group: "Knowledge", run: () => input.current?.focus() });
  return (
    <TextInput
      ref={input}
      type="search"
      aria-label="Words in the article"
      className={styles.words}
      placeholder="Words in the article"
      maxLength={2000}
      leftSection={<SearchIcon size={16} aria-hidden />}
      value={typed}
      onChange={({ currentTarget }) => {
        setTyped(currentTarget.value);
        tell(currentTarget.value);
      }}
    />
  );
}
