import { Text } from "@mantine/core";
import { CircleCheckIcon, UserRoundIcon } from "lucide-react";
import { count } from "./labels";
import styles from "./search.module.css";
import type { SearchResult } from "./types";

/** Whether the desk would answer by itself, and how far it is from that. */
export function Verdict({ result }: { result: SearchResult }) {
  const { is_sure, confidence, required_confidence, corrected, passages, search_ms, total_ms } = result;
  const Icon = is_sure ? CircleCheckIcon : UserRoundIcon;
  return (
    <section className={styles.verdict} aria-label="What the desk would do">
      <Icon className={styles.verdictIcon} data-sure={is_sure || undefined} size={22} aria-hidden />
      <div>
        <Text fw={600}>{is_sure ? "Sure enough to answer" : "Not sure enough: a person would answer"}</Text>
        <Text size="sm" c="dimmed">
          {toPercent(confidence)} sure, {toPercent(required_confidence)} are asked for
        </Text>
        {corrected !== null && (
          <Text size="sm" mt={4}>
            Read as “{corrected}”
          </Text>
        )}
      </div>
      <div className={styles.gauge} aria-hidden>
        <svg viewBox="0 0 100 8" preserveAspectRatio="none">
          <rect className={styles.gaugeTrack} width="100" height="8" />
          <rect className={styles.gaugeFill} data-sure={is_sure || undefined} width={confidence * 100} height="8" />
          <rect className={styles.gaugeMark} x={required_confidence * 100} width="0.75" height="8" />
        </svg>
      </div>
      <Text className={styles.timing} size="xs" c="dimmed">
        {count(passages.length, "passage")} in {Math.round(search_ms)} ms, {Math.round(total_ms)} ms in all
      </Text>
    </section>
  );
}

export function toPercent(share: number): string {
  return `${Math.round(share * 100)}%`;
}
