import { Button, Select, Skeleton, Stack, Text, TextInput } from "@mantine/core";
import { SearchIcon, SearchXIcon } from "lucide-react";
import type { FormEvent } from "react";
import { useSearchParams } from "react-router";
import { Empty } from "../../parts/states";
import { FoundPassage } from "./found-passage";
import { AUDIENCE_LABELS } from "./labels";
import { useSearchTrial } from "./queries";
import { SearchProblem } from "./search-problem";
import styles from "./search.module.css";
import type { Audience, SearchResult } from "./types";
import { Verdict } from "./verdict";

/** A question as a customer would ask it, and what the desk would find for it. It stands in the address. */
export function SearchTrial() {
  const [address, setAddress] = useSearchParams();
  const query = address.get("q") ?? "";
  const audience: Audience = address.get("readers") === "internal" ? "internal" : "public";
  const trial = useSearchTrial(query, audience);
  function ask(event: FormEvent<HTMLFormElement>): void {
    event.preventDefault();
    const written = new FormData(event.currentTarget);
    const asked = String(written.get("query")).trim();
    if (asked === query) return void trial.refetch();
    setAddress({ ...(asked === "" ? {} : { q: asked }), ...(audience === "public" ? {} : { readers: audience }) });
  }
  const choose = (readers: Audience | null): void =>
    setAddress({ ...(query === "" ? {} : { q: query }), ...(readers === "internal" ? { readers } : {}) });
  return (
    <>
      <form className={styles.form} onSubmit={ask} key={query}>
        <TextInput
          className={styles.question}
          aria-label="Question"
          name="query"
          required
          maxLength={2000}
          defaultValue={query}
          placeholder="Ask as a customer would: How do I reset my password?"
          leftSection={<SearchIcon size={16} aria-hidden />}
        />
        <Select
          className={styles.readers}
          aria-label="Who asks"
          allowDeselect={false}
          data={[
            { value: "public", label: AUDIENCE_LABELS.public },
            { value: "internal", label: AUDIENCE_LABELS.internal },
          ]}
          value={audience}
          onChange={choose}
        />
        <Button type="submit" loading={trial.isFetching}>
          Try it
        </Button>
      </form>
      {query === "" && <Invitation />}
      {trial.isLoading && <Waiting />}
      {trial.isError && !trial.isFetching && <SearchProblem error={trial.error} retry={trial.refetch} />}
      {trial.data && !trial.isError && <Results query={query} result={trial.data} />}
    </>
  );
}

function Results({ query, result }: { query: string; result: SearchResult }) {
  const best = result.passages[0];
  const meant = result.corrected ?? query;
  return (
    <div className={styles.results}>
      <Verdict result={result} />
      {best ? (
        <ol className={styles.passages} aria-label="Passages, best first">
          {result.passages.map((passage) => (
            <FoundPassage key={passage.id} passage={passage} best={best.score} question={meant} />
          ))}
        </ol>
      ) : (
        <Empty icon={SearchXIcon} title="Nothing was found">
          <p>The desk would hand this question to a person. An article about it would change that.</p>
        </Empty>
      )}
    </div>
  );
}

function Invitation() {
  return (
    <Empty icon={SearchIcon} title="See what the desk would find">
      <p>
        Type a question. You see the passages it would read, what each score is made of, and whether it would be sure
        enough to answer by itself.
      </p>
    </Empty>
  );
}

function Waiting() {
  return (
    <Stack gap="sm" role="status" aria-label="Searching">
      <Skeleton height={92} radius="md" />
      <Skeleton height={148} radius="md" />
      <Skeleton height={148} radius="md" />
      <Text size="sm" c="dimmed">
        A worker searches.
      </Text>
    </Stack>
  );
}
