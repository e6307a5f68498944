import { StarIcon } from "lucide-react";
import { Moment } from "./message-entry";
import type { Feedback } from "./types";
import styles from "./conversation.module.css";

const STARS = [1, 2, 3, 4, 5];

/** What the customer said of the answers. */
export function FeedbackEntry({ feedback, now }: { feedback: Feedback; now: number }) {
  return (
    <article className={styles.feedback} aria-label="Feedback of the customer">
      <p className={styles.by}>
        <Stars rating={feedback.rating} />
        <strong>{feedback.resolved ? "Solved" : "Not solved"}</strong>
        <Moment iso={feedback.created_at} now={now} />
      </p>
      {feedback.comment !== "" && <p dir="auto">“{feedback.comment}”</p>}
    </article>
  );
}

export function Stars({ rating }: { rating: number }) {
  return (
    <span className={styles.stars} role="img" aria-label={`Rated ${rating} of 5`}>
      {STARS.map((star) => (
        <StarIcon key={star} size={14} data-given={star <= rating || undefined} aria-hidden />
      ))}
    </span>
  );
}
