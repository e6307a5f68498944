import { VisuallyHidden } from "@mantine/core";
import type { ReactNode } from "react";
import type { ChartPoint, Line } from "./chart-data";
import classes from "./dashboard.module.css";
import { formatOr, type Moments } from "./format";

interface ChartCardProps {
  title: string;
  /** What is drawn, in the same order. */
  lines: readonly Line[];
  points: readonly ChartPoint[];
  moments: Moments;
  format(value: number): string;
  /** What is said instead of the chart where there is nothing to draw. */
  empty: string | null;
  actions?: ReactNode;
  children: ReactNode;
}

/** A chart with its legend. Whoever does not see it gets the same as a table. */
export function ChartCard({ title, lines, points, moments, format, empty, actions, children }: ChartCardProps) {
  return (
    <figure className={classes.chart} data-chart={title}>
      <div className={classes.chartHead}>
        <h2 className={classes.chartTitle}>{title}</h2>
        {actions}
        <ul className={classes.legend} aria-hidden>
          {lines.map(({ name, label, tone }) => (
            <li key={name} data-legend>
              <span className={classes.swatch} data-tone={tone} data-swatch />
              {label}
            </li>
          ))}
        </ul>
      </div>
      {empty !== null ? (
        <p className={classes.chartEmpty}>{empty}</p>
      ) : (
        <>
          <div className={classes.plot} aria-hidden>
            {children}
          </div>
          <VisuallyHidden>
            <PointsTable {...{ title, lines, points, moments, format }} />
          </VisuallyHidden>
        </>
      )}
    </figure>
  );
}

type PointsTableProps = Pick<ChartCardProps, "title" | "lines" | "points" | "moments" | "format">;

function PointsTable({ title, lines, points, moments, format }: PointsTableProps) {
  return (
    <table>
      <caption>{title}</caption>
      <thead>
        <tr>
          <th scope="col">From</th>
          {lines.map(({ name, label }) => (
            <th key={name} scope="col">
              {label}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {points.map((point) => (
          <tr key={point.at}>
            <th scope="row">{moments.long(point.at)}</th>
            {lines.map(({ name }) => (
              <td key={name}>{formatOr(format, point[name])}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
