import { useCounts } from "./queries";
import type { Counts } from "./types";
import { VIEW_NAMES, VIEWS, type View } from "./filters";
import styles from "./layout.module.css";

const MAX_COUNT = 1_000;

/** The parts of the desk's work, each with the number of its tickets. */
export function Views({ view, onChange }: { view: View; onChange(view: View): void }) {
  const { data: counts } = useCounts();
  return (
    <div className={styles.views} role="group" aria-label="Which tickets">
      {VIEW_NAMES.map((name) => (
        <button
          key={name}
          type="button"
          className={styles.view}
          aria-pressed={name === view}
          onClick={() => onChange(name)}
        >
          {VIEWS[name].label}
          <Count counts={counts} name={VIEWS[name].count} />
        </button>
      ))}
    </div>
  );
}

function Count({ counts, name }: { counts: Counts | undefined; name: keyof Counts | null }) {
  if (counts === undefined || name === null) return null;
  const count = counts[name];
  return <span className={styles.count}>{count >= MAX_COUNT ? "1,000+" : count}</span>;
}
