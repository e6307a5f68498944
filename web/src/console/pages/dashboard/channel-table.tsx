import { UnstyledButton } from "@mantine/core";
import { ArrowDownIcon, ArrowUpIcon, ChevronsUpDownIcon } from "lucide-react";
import { useState } from "react";
import type { components } from "../../../generated/api";
import { CHANNEL_LABELS } from "../../../shared/labels";
import classes from "./dashboard.module.css";
import { formatOr } from "./format";
import { MEASURES, sortRows, type Measure, type Order } from "./measures";

const COLUMNS: readonly Measure[] = Object.values(MEASURES);

interface ChannelTableProps {
  channels: components["schemas"]["ChannelSummary"][];
}

/** The same figures by channel; a click on a column orders by it. */
export function ChannelTable({ channels }: ChannelTableProps) {
  const [order, setOrder] = useState<Order>({ measure: MEASURES.tickets, isDescending: true });
  const labelled = channels.map(({ channel, figures }) => ({ channel, label: CHANNEL_LABELS[channel], figures }));
  const choose = (measure: Measure | null): void =>
    setOrder((before) => ({
      measure,
      isDescending: before.measure === measure ? !before.isDescending : measure !== null,
    }));
  return (
    <section aria-labelledby="by-channel" className={classes.card}>
      <h2 id="by-channel" className={classes.cardTitle}>
        By channel
      </h2>
      <div className={classes.scroller} role="region" aria-labelledby="by-channel" tabIndex={0}>
        <table className={classes.table}>
          <thead>
            <tr>
              <ColumnHead label="Channel" title="Channel" measure={null} order={order} onChoose={choose} />
              {COLUMNS.map((measure) => (
                <ColumnHead
                  key={measure.name}
                  label={measure.short}
                  title={measure.label}
                  measure={measure}
                  order={order}
                  onChoose={choose}
                />
              ))}
            </tr>
          </thead>
          <tbody>
            {sortRows(labelled, order).map(({ channel, label, figures }) => (
              <tr key={channel}>
                <th scope="row">{label}</th>
                {COLUMNS.map((measure) => (
                  <td key={measure.name} data-empty={!figures[measure.name] || undefined}>
                    {formatOr(measure.format, figures[measure.name])}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

interface ColumnHeadProps {
  label: string;
  title: string;
  measure: Measure | null;
  order: Order;
  onChoose(measure: Measure | null): void;
}

function ColumnHead({ label, title, measure, order, onChoose }: ColumnHeadProps) {
  const isChosen = order.measure === measure;
  const Arrow = isChosen ? (order.isDescending ? ArrowDownIcon : ArrowUpIcon) : ChevronsUpDownIcon;
  const direction = order.isDescending ? "descending" : "ascending";
  return (
    <th scope="col" aria-sort={isChosen ? direction : "none"}>
      <UnstyledButton
        className={classes.sort}
        data-chosen={isChosen || undefined}
        title={title}
        onClick={() => onChoose(measure)}
      >
        <span>{label}</span>
        <Arrow size={13} aria-hidden />
      </UnstyledButton>
    </th>
  );
}
