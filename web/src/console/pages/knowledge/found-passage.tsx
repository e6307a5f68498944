import { Badge, Text } from "@mantine/core";
import { Link } from "react-router";
import { KIND_LABELS, nameLanguage } from "./labels";
import { PassageText } from "./passage-text";
import styles from "./search.module.css";
import type { Found } from "./types";
import { markWords } from "./words";

interface FoundPassageProps {
  passage: Found;
  /** The score of the best passage, which the bars are measured by. */
  best: number;
  question: string;
}

export function FoundPassage({ passage, best, question }: FoundPassageProps) {
  return (
    <li className={styles.passage}>
      <div className={styles.passageHead}>
        <Link className={styles.passageTitle} to={`/knowledge/articles/${passage.article_id}`}>
          {passage.title}
          {passage.heading !== "" && passage.heading !== passage.title && ` › ${passage.heading}`}
        </Link>
        {passage.kind === "resolution" && (
          <Badge color="accent" variant="light">
            {KIND_LABELS.resolution}
          </Badge>
        )}
        <Text size="xs" c="dimmed">
          {passage.category}
          {passage.language !== null && ` · ${nameLanguage(passage.language)}`}
        </Text>
      </div>
      <div className={styles.excerpt}>
        <PassageText text={passage.excerpt} show={(text) => <Marked text={text} question={question} />} />
      </div>
      <Scores passage={passage} best={best} />
    </li>
  );
}

function Marked({ text, question }: { text: string; question: string }) {
  return markWords(text, question).map(({ text: part, isFound }, index) =>
    isFound ? <mark key={index}>{part}</mark> : part,
  );
}

function Scores({ passage, best }: { passage: Found; best: number }) {
  return (
    <dl className={styles.scores}>
      <Score label="Score" value={passage.score} share={best > 0 ? passage.score / best : 0} isWhole />
      <Score label="by meaning" value={passage.by_meaning} share={passage.by_meaning ?? 0} />
      <Score label="by words" value={passage.by_words} share={passage.by_words} />
      <Score label="by name" value={passage.by_name} share={passage.by_name} />
    </dl>
  );
}

function Score({ label, value, share, isWhole = false }: ScoreProps) {
  const width = Math.min(1, Math.max(0, share)) * 100;
  return (
    <div className={styles.score} data-whole={isWhole || undefined}>
      <dt>{label}</dt>
      <dd>
        <svg viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden>
          <rect className={styles.scoreTrack} width="100" height="6" />
          <rect className={styles.scoreFill} width={width} height="6" />
        </svg>
        <span className={styles.scoreValue}>{value === null ? "none" : value.toFixed(2)}</span>
      </dd>
    </div>
  );
}

interface ScoreProps {
  label: string;
  /** None without a model. */
  value: number | null;
  share: number;
  isWhole?: boolean;
}
