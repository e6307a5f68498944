import { toSentence } from "../../../shared/sentence";
import { describeAge, describeMoment } from "../../../shared/time";
import { ConfidenceBar } from "./confidence-bar";
import { OUTCOME_LABELS, readName } from "./labels";
import { Fact } from "./section";
import type { Run, ToolCall } from "./types";
import styles from "./panel.module.css";

/** One turn of the assistant: what came of it, how sure it was, by which rule, with what, and what that cost. */
export function RunCard({ run, now, isLatest }: { run: Run; now: number; isLatest: boolean }) {
  return (
    <details className={styles.run} open={isLatest}>
      <summary>
        <strong>{OUTCOME_LABELS[run.outcome]}</strong>
        <time dateTime={run.created_at} title={describeMoment(run.created_at)}>
          {describeAge(run.created_at, now)}
        </time>
      </summary>
      {run.confidence !== null && run.required_confidence !== null && (
        <ConfidenceBar confidence={run.confidence} required={run.required_confidence} />
      )}
      {run.reason && <p className={styles.words}>{toSentence(run.reason)}</p>}
      <dl className={styles.facts}>
        {run.rule && <Fact name="Rule">{readName(run.rule)}</Fact>}
        <Fact name="Model">
          {run.model}
          {run.fallback && <span className={styles.aside}>instead of the usual one: {run.fallback}</span>}
        </Fact>
        <Fact name="Tokens">{describeTokens(run)}</Fact>
        <Fact name="Cost">{run.cost_usd === null ? "Not known" : `$${run.cost_usd.toFixed(4)}`}</Fact>
      </dl>
      {run.tool_calls.length > 0 && <ToolCalls calls={run.tool_calls} />}
      <Labels run={run} />
    </details>
  );
}

function ToolCalls({ calls }: { calls: readonly ToolCall[] }) {
  return (
    <ol className={styles.calls} aria-label="What the assistant did">
      {calls.map((call, index) => (
        <li key={index}>
          <details>
            <summary>
              <span>{readName(call.tool)}</span>
              <small>{describeTook(call.milliseconds)}</small>
            </summary>
            <pre tabIndex={0} aria-label="Arguments">
              {JSON.stringify(call.arguments, null, 2)}
            </pre>
            <pre tabIndex={0} aria-label="Result">
              {call.output}
            </pre>
          </details>
        </li>
      ))}
    </ol>
  );
}

/** What customers and colleagues made known of this turn afterwards. */
function Labels({ run }: { run: Run }) {
  if (run.labels.length === 0) return null;
  return (
    <ul className={styles.labels} aria-label="What became of it">
      {run.labels.map(({ kind, value, is_right, given_by }, index) => (
        <li key={index} data-right={is_right ?? undefined}>
          {readName(kind)}: {readName(value)} <small>by the {given_by === "person" ? "team" : "customer"}</small>
        </li>
      ))}
    </ul>
  );
}

function describeTook(milliseconds: number): string {
  return milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}

function describeTokens({ input_tokens, cached_tokens, output_tokens }: Run): string {
  if (input_tokens === 0 && output_tokens === 0) return "None";
  const cached = cached_tokens > 0 ? ` (${cached_tokens.toLocaleString("en")} cached)` : "";
  return `${input_tokens.toLocaleString("en")} in${cached}, ${output_tokens.toLocaleString("en")} out`;
}
