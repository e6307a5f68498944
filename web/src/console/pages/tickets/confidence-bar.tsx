import styles from "./panel.module.css";

/** How sure the assistant was, against how sure it has to be to answer by itself. Both are from 0 to 1. */
export function ConfidenceBar({ confidence, required }: { confidence: number; required: number }) {
  const isEnough = confidence >= required;
  return (
    <div className={styles.confidence} data-enough={isEnough || undefined}>
      <p>
        <strong>{describeShare(confidence)}</strong> sure, {describeShare(required)} needed
      </p>
      <svg
        viewBox="0 0 100 8"
        preserveAspectRatio="none"
        role="img"
        aria-label={`Confidence ${describeShare(confidence)}, ${describeShare(required)} needed`}
      >
        <rect className={styles.track} width="100" height="8" />
        <rect className={styles.level} width={Math.max(0, Math.min(1, confidence)) * 100} height="8" />
        <rect className={styles.needed} x={Math.min(99, Math.max(0, required * 100))} width="0.8" height="8" />
      </svg>
    </div>
  );
}

/** Rounds down: what was not enough must not look as if it had been. */
function describeShare(share: number): string {
  return `${Math.floor(share * 100 + 1e-9)}%`;
}
