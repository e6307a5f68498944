import { notifications } from "@mantine/notifications";
import { PaperclipIcon } from "lucide-react";
import { useApi } from "../../api/api-context";
import { read } from "../../api/client";
import { describeProblem } from "../../api/problems";
import type { File } from "./types";
import styles from "./conversation.module.css";

const UNITS = ["B", "kB", "MB", "GB"];

/** The files that came with a message. They are downloaded, never shown: strangers sent them. */
export function Files({ files }: { files: readonly File[] }) {
  const download = useDownload();
  if (files.length === 0) return null;
  return (
    <ul className={styles.files} aria-label="Attachments">
      {files.map((file) => (
        <li key={file.id}>
          <button
            type="button"
            disabled={file.problem !== null}
            title={file.problem ?? `Download ${file.name}`}
            onClick={() => void download(file)}
          >
            <PaperclipIcon size={13} aria-hidden />
            <span>{file.name}</span>
            <small>{file.problem ?? describeSize(file.size)}</small>
          </button>
        </li>
      ))}
    </ul>
  );
}

function useDownload(): (file: File) => Promise<void> {
  const api = useApi();
  return async ({ id, name }) => {
    try {
      const params = { path: { file_id: id } };
      save(await read<Blob>(api.GET("/attachments/{file_id}", { params, parseAs: "blob" })), name);
    } catch (error) {
      notifications.show({ color: "red", title: `${name} was not downloaded`, message: describeProblem(error) });
    }
  };
}

function save(content: Blob, name: string): void {
  const address = URL.createObjectURL(content);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  URL.revokeObjectURL(address);
}

export function describeSize(bytes: number | null): string {
  if (bytes === null) return "";
  let size = bytes;
  let unit = 0;
  while (size >= 1000 && unit < UNITS.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return `${size < 10 && unit > 0 ? size.toFixed(1) : Math.round(size)} ${UNITS[unit]}`;
}
