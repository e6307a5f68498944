import { Button, Menu } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { DownloadIcon, FileSpreadsheetIcon, ImageIcon } from "lucide-react";
import { useState, type RefObject } from "react";
import { useApi } from "../../api/api-context";
import { read } from "../../api/client";
import { describeProblem } from "../../api/problems";
import { useAction } from "../../shell/commands-context";
import { drawPicture } from "./picture";
import { toQuery, type View } from "./view";

interface ExportMenuProps {
  view: View;
  /** Stands above the charts in the picture. */
  caption: string;
  /** Where the charts are. */
  charts: RefObject<HTMLElement | null>;
  hasCharts: boolean;
}

/** Takes the figures or the charts along. */
export function ExportMenu({ view, caption, charts, hasCharts }: ExportMenuProps) {
  const api = useApi();
  const [isBusy, setBusy] = useState(false);
  const name = `nightdesk-${typeof view.span === "string" ? view.span : `${view.span.from}-${view.span.to}`}`;
  const save = async (file: string, make: () => Promise<Blob>): Promise<void> => {
    setBusy(true);
    try {
      download(await make(), file);
    } catch (error) {
      notifications.show({ color: "red", title: `${file} was not saved`, message: describeProblem(error) });
    } finally {
      setBusy(false);
    }
  };
  const saveTable = (): void =>
    void save(`${name}.csv`, async () => {
      const params = { query: toQuery(view) };
      const table = await read(api.GET("/metrics/channels.csv", { params, parseAs: "text" }));
      return new Blob([table], { type: "text/csv" });
    });
  const savePicture = (): void => {
    const root = charts.current;
    if (root && hasCharts) return void save(`${name}.png`, () => drawPicture(root, caption));
    notifications.show({ message: "There are no charts to save in this view." });
  };
  useAction({ label: "Export the figures as CSV", group: "Dashboard", run: saveTable });
  useAction({ label: "Export the charts as PNG", group: "Dashboard", run: savePicture });
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <Button size="xs" variant="default" loading={isBusy} leftSection={<DownloadIcon size={14} aria-hidden />}>
          Export
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item leftSection={<FileSpreadsheetIcon size={16} aria-hidden />} onClick={saveTable}>
          Figures as CSV
        </Menu.Item>
        <Menu.Item leftSection={<ImageIcon size={16} aria-hidden />} onClick={savePicture} disabled={!hasCharts}>
          Charts as PNG
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

function download(content: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}
