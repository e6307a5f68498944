import "@mantine/charts/styles.css";
import { BarChart, LineChart, type BarChartProps } from "@mantine/charts";
import { SegmentedControl } from "@mantine/core";
import { useMemo, useState } from "react";
import type { components } from "../../../generated/api";
import { ChartCard } from "./chart-card";
import { AGENT, FIRST_REPLY, MOOD, OUTCOMES, TONES, toChartPoints, VOLUME } from "./chart-data";
import type { ChartPoint, Line } from "./chart-data";
import classes from "./dashboard.module.css";
import { chooseMoments, formatCount, formatDuration, formatMood, type Moments } from "./format";

interface ChartsProps {
  summary: components["schemas"]["Summary"];
  bucketSeconds: number;
}

interface ChartProps {
  points: ChartPoint[];
  moments: Moments;
}

/** The period as it went. Loaded by itself: the library that draws is larger than the rest of the page. */
export default function Charts({ summary, bucketSeconds }: ChartsProps) {
  const points = useMemo(() => toChartPoints(summary.series), [summary.series]);
  const moments = useMemo(() => chooseMoments(bucketSeconds), [bucketSeconds]);
  return (
    <div className={classes.charts}>
      <Volume points={points} moments={moments} />
      <Latency points={points} moments={moments} />
      <Outcomes points={points} moments={moments} />
      <Mood points={points} moments={moments} />
    </div>
  );
}

function Volume({ points, moments }: ChartProps) {
  const isQuiet = points.every(({ messages_in, messages_out }) => messages_in + messages_out === 0);
  const empty = isQuiet ? "No messages." : null;
  return (
    <ChartCard {...{ points, moments, empty }} title="Messages" lines={VOLUME} format={formatCount}>
      <BarChart {...describeAxes(points, moments, VOLUME, formatCount)} barChartProps={ROOM} />
    </ChartCard>
  );
}

function Outcomes({ points, moments }: ChartProps) {
  const empty = points.every(({ tickets }) => tickets === 0) ? "No tickets came in." : null;
  return (
    <ChartCard {...{ points, moments, empty }} title="Outcome of tickets" lines={OUTCOMES} format={formatCount}>
      <BarChart {...describeAxes(points, moments, OUTCOMES, formatCount)} barChartProps={ROOM} type="stacked" />
    </ChartCard>
  );
}

function Latency({ points, moments }: ChartProps) {
  const [of, setOf] = useState("reply");
  const lines = of === "reply" ? FIRST_REPLY : AGENT;
  const isUnknown = points.every((point) => lines.every(({ name }) => point[name] == null));
  const empty = of === "reply" ? "No first reply went out." : "The agent had no turn.";
  const choice = (
    <SegmentedControl
      size="xs"
      withItemsBorders={false}
      aria-label="Latency of"
      value={of}
      onChange={setOf}
      data={[
        { value: "reply", label: "First reply" },
        { value: "agent", label: "Assistant’s turn" },
      ]}
    />
  );
  return (
    <ChartCard
      {...{ points, moments, lines }}
      title="Latency"
      format={formatDuration}
      empty={isUnknown ? empty : null}
      actions={choice}
    >
      <LineChart {...describeAxes(points, moments, lines, formatDuration)} {...LINES} />
    </ChartCard>
  );
}

function Mood({ points, moments }: ChartProps) {
  const axes = describeAxes(points, moments, MOOD, formatMood);
  const empty = points.every((point) => point.sentiment_mean == null) ? "No message was weighed." : null;
  return (
    <ChartCard {...{ points, moments, empty }} title="Sentiment" lines={MOOD} format={formatMood}>
      <LineChart
        {...axes}
        {...LINES}
        yAxisProps={{ ...axes.yAxisProps, domain: [-1, 1], ticks: [-1, -0.5, 0, 0.5, 1] }}
        referenceLines={[{ y: 0, color: "var(--control-line)" }]}
      />
    </ChartCard>
  );
}

// For the highest label and for the last dot: what stands over the edge is cut off in the picture that is exported.
const ROOM = { margin: { top: 8, right: 8, bottom: 4, left: 0 } };
const LINES = {
  connectNulls: false,
  curveType: "linear",
  dotProps: { r: 2 },
  activeDotProps: { r: 4 },
  lineChartProps: ROOM,
} as const;

/** What all charts have in common. */
function describeAxes(
  points: ChartPoint[],
  moments: Moments,
  lines: readonly Line[],
  format: (value: number) => string,
) {
  return {
    className: classes.canvas ?? "",
    data: points,
    dataKey: "at",
    series: lines.map(({ name, label, tone }, place) => ({
      name,
      label,
      color: TONES[tone],
      ...(place === 0 ? {} : { strokeDasharray: "5 3" }),
    })),
    valueFormatter: format,
    tickLine: "none",
    textColor: "var(--muted)",
    gridColor: "var(--line)",
    accessibilityLayer: false,
    xAxisProps: { tickFormatter: moments.short, minTickGap: 24, interval: "equidistantPreserveStart" },
    yAxisProps: { width: 62, allowDecimals: format !== formatCount },
    tooltipProps: { labelFormatter: (at) => (typeof at === "string" ? moments.long(at) : "") },
  } satisfies Partial<BarChartProps>;
}
