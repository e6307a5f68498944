import { Skeleton } from "@mantine/core";
import { lazy, Suspense, useRef } from "react";
import { useSearchParams } from "react-router";
import type { components } from "../../../generated/api";
import { useHealth } from "../../api/health";
import { hasScope, useUser } from "../../session/session-context";
import { Page } from "../../shell/page";
import { ChannelTable } from "./channel-table";
import classes from "./dashboard.module.css";
import { ExportMenu } from "./export-menu";
import { describeLength, describeZone } from "./format";
import { sumUp } from "./health";
import { HealthCards } from "./health-cards";
import { LiveStrip, NoWorkers } from "./live-strip";
import { Failure, Nothing } from "./notices";
import { Pickers } from "./pickers";
import { useChannelMetrics, useDeskMetrics } from "./queries";
import { Tiles, TilesSkeleton } from "./tiles";
import { describeView, readView, writeView, type View } from "./view";

const Charts = lazy(() => import("./charts"));

/** The desk in figures: now, and in a period beside the one before. */
export default function Dashboard() {
  const [params, setParams] = useSearchParams();
  const view = readView(params);
  const show = (next: View): void => setParams(writeView(next), { replace: true });
  const mayReadTickets = hasScope(useUser(), "tickets:read");
  const metrics = useChannelMetrics(view);
  const desk = useDeskMetrics();
  const health = useHealth(mayReadTickets);
  const charts = useRef<HTMLDivElement>(null);
  const hasCharts = metrics.data !== undefined && !isQuiet(metrics.data);
  const widen = (): void => show({ span: "30d", channels: [] });
  return (
    <Page
      title="Dashboard"
      actions={<ExportMenu view={view} caption={describeView(view)} charts={charts} hasCharts={hasCharts} />}
    >
      <div className={classes.page}>
        {health.isSuccess && sumUp(health.data).workers === 0 && <NoWorkers />}
        <Failure what="Queue and workers" query={health} />
        {mayReadTickets && (health.data || health.isPending) && (
          <LiveStrip health={health.data} waiting={desk.data?.waiting} />
        )}
        <div className={classes.bar}>
          <Pickers view={view} onChange={show} />
          {metrics.data && <Caption metrics={metrics.data} updatedAt={metrics.dataUpdatedAt} />}
        </div>
        <Failure what="Figures" query={metrics} />
        {metrics.isPending && <Waiting />}
        {metrics.data && (
          <div className={classes.period} data-old={metrics.isPlaceholderData || undefined} ref={charts}>
            <Tiles figures={metrics.data.total.figures} previous={metrics.data.total.previous} />
            {hasCharts ? (
              <Suspense fallback={<ChartsSkeleton />}>
                <Charts summary={metrics.data.total} bucketSeconds={metrics.data.bucket_seconds} />
              </Suspense>
            ) : (
              <Nothing tickets={desk.data?.tickets.total} onWiden={widen} />
            )}
            <ChannelTable channels={metrics.data.channels} />
          </div>
        )}
        {health.data && <HealthCards health={health.data} now={health.dataUpdatedAt} />}
      </div>
    </Page>
  );
}

type Metrics = components["schemas"]["ChannelMetrics"];

function isQuiet({ total: { figures } }: Metrics): boolean {
  return figures.messages_in + figures.messages_out + figures.tickets + figures.agent_turns === 0;
}

/** From when to when, what it is compared with, and whose clock says so. */
function Caption({ metrics, updatedAt }: { metrics: Metrics; updatedAt: number }) {
  const moments = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  const [start, end] = [new Date(metrics.starts_at), new Date(metrics.ends_at)];
  const length = describeLength((end.getTime() - start.getTime()) / 1000);
  const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
  return (
    <p className={classes.caption}>
      {moments.formatRange(start, end)} · compared with the {length} before · {describeZone(end)} · updated{" "}
      {clock.format(new Date(updatedAt))}
    </p>
  );
}

function Waiting() {
  return (
    <div role="status" aria-label="Loading the figures" className={classes.page}>
      <TilesSkeleton />
      <ChartsSkeleton />
    </div>
  );
}

function ChartsSkeleton() {
  return (
    <div className={classes.charts}>
      {["messages", "latency", "outcome", "sentiment"].map((name) => (
        <Skeleton key={name} height={300} radius="lg" />
      ))}
    </div>
  );
}
