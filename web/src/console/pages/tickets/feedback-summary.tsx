import { Stars } from "./feedback-entry";
import type { Feedback } from "./types";
import styles from "./panel.module.css";

/** The latest feedback, which counts. */
export function FeedbackSummary({ feedback }: { feedback: readonly Feedback[] }) {
  const latest = feedback.at(-1);
  if (!latest) return null;
  return (
    <div className={styles.words}>
      <p className={styles.rating}>
        <Stars rating={latest.rating} /> {latest.resolved ? "Solved" : "Not solved"}
      </p>
      {latest.comment !== "" && <p dir="auto">“{latest.comment}”</p>}
    </div>
  );
}
