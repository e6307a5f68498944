import { Skeleton } from "@mantine/core";
import { ArrowDownIcon, ArrowUpIcon, EqualIcon } from "lucide-react";
import classes from "./dashboard.module.css";
import { formatCount, formatOr } from "./format";
import { compare, describeMood, MEASURES, type Change, type Figures, type Measure } from "./measures";

interface Tile {
  measure: Measure;
  /** A few words that put the figure into proportion. */
  detail(figures: Figures): string | null;
}

const M = MEASURES;

const TILES: readonly Tile[] = [
  { measure: M.tickets, detail: () => "came in" },
  { measure: M.messagesIn, detail: () => "from customers" },
  { measure: M.messagesOut, detail: () => "replies written" },
  { measure: M.firstReply, detail: (f) => describeSlowest(f.first_reply_p95_seconds) },
  { measure: M.agent, detail: (f) => describeSlowest(f.agent_p95_seconds) },
  { measure: M.autoResolved, detail: (f) => describePart(f.auto_resolved, f.tickets) },
  { measure: M.escalated, detail: (f) => describePart(f.escalated, f.tickets) },
  { measure: M.reopened, detail: (f) => describePart(f.reopened, f.tickets) },
  { measure: M.mood, detail: (f) => (f.sentiment_mean == null ? null : describeMood(f.sentiment_mean)) },
  { measure: M.rating, detail: (f) => (f.ratings === 0 ? null : `out of 5, ${formatCount(f.ratings)} given`) },
  { measure: M.failures, detail: (f) => `of ${formatCount(f.replies)} replies` },
  { measure: M.cost, detail: describeCost },
];

function describeSlowest(seconds: number | null | undefined): string | null {
  return seconds == null ? null : `P95 ${M.firstReplySlow.format(seconds)}`;
}

function describePart(part: number, tickets: number): string | null {
  return tickets === 0 ? null : `${formatCount(part)} of ${formatCount(tickets)}`;
}

function describeCost({ input_tokens, output_tokens, unpriced_turns }: Figures): string {
  const tokens = `${formatCount(input_tokens + output_tokens)} tokens`;
  return unpriced_turns === 0 ? tokens : `${tokens}, ${formatCount(unpriced_turns)} turns unpriced`;
}

interface TilesProps {
  figures: Figures;
  previous: Figures;
}

/** The period in a dozen figures, each with what has changed since the one before. */
export function Tiles({ figures, previous }: TilesProps) {
  return (
    <dl className={classes.tiles}>
      {TILES.map(({ measure, detail }) => {
        const note = detail(figures) ?? "nothing to measure";
        const value = figures[measure.name];
        return (
          <div key={measure.name} className={classes.tile}>
            <dt className={classes.label}>{measure.label}</dt>
            <dd className={classes.value}>{formatOr(measure.format, value)}</dd>
            <dd className={classes.detail} title={note}>
              {note}
            </dd>
            <dd className={classes.change}>
              {value || previous[measure.name] ? <ChangeNote change={compare(measure, figures, previous)} /> : "\u00a0"}
            </dd>
          </div>
        );
      })}
    </dl>
  );
}

const ARROWS = { up: ArrowUpIcon, down: ArrowDownIcon, same: EqualIcon };

function ChangeNote({ change }: { change: Change | null }) {
  if (change === null) return <span className={classes.neutral}>nothing before</span>;
  const Arrow = ARROWS[change.direction];
  const arrow = change.direction === "same" ? { "aria-hidden": true } : { "aria-label": change.direction };
  return (
    <span className={change.verdict ? classes[change.verdict] : classes.neutral}>
      <Arrow size={13} {...arrow} />
      {change.amount}
      {change.verdict && <span className={classes.verdict}>{change.verdict}</span>}
    </span>
  );
}

export function TilesSkeleton() {
  return (
    <div className={classes.tiles}>
      {TILES.map(({ measure }) => (
        <div key={measure.name} className={classes.tile}>
          <Skeleton height={12} width="60%" />
          <Skeleton height={26} width="45%" mt={10} />
          <Skeleton height={10} width="70%" mt={12} />
          <Skeleton height={10} width="50%" mt={10} />
        </div>
      ))}
    </div>
  );
}
