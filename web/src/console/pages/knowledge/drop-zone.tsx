import { Button, Text } from "@mantine/core";
import { FileUpIcon } from "lucide-react";
import { useRef, useState, type DragEvent } from "react";
import { SUFFIXES } from "./upload-words";
import styles from "./uploads.module.css";

interface DropZoneProps {
  isSingle: boolean;
  onFiles(files: readonly File[]): void;
}

/** Takes files that are dropped on it or chosen in the browser's dialog. */
export function DropZone({ isSingle, onFiles }: DropZoneProps) {
  const [isOver, setOver] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const take = (files: FileList | null): void => {
    const chosen = [...(files ?? [])].slice(0, isSingle ? 1 : undefined);
    if (chosen.length > 0) onFiles(chosen);
  };
  const drop = (event: DragEvent): void => {
    event.preventDefault();
    setOver(false);
    take(event.dataTransfer.files);
  };
  return (
    <div
      className={styles.drop}
      data-over={isOver || undefined}
      onDragOver={(event) => {
        event.preventDefault(); // the browser would open the file instead
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={drop}
    >
      <FileUpIcon size={28} strokeWidth={1.5} aria-hidden />
      <Text fw={600}>{isSingle ? "Drop the new file here" : "Drop files here"}</Text>
      <Text size="sm" c="dimmed">
        Markdown, text, HTML or PDF, up to 10 MB each
      </Text>
      <Button variant="default" size="sm" onClick={() => input.current?.click()}>
        {isSingle ? "Choose a file" : "Choose files"}
      </Button>
      <input
        ref={input}
        type="file"
        hidden
        aria-label="Files"
        multiple={!isSingle}
        accept={SUFFIXES.join(",")}
        onChange={({ currentTarget }) => {
          take(currentTarget.files);
          currentTarget.value = ""; // choosing the same file again is a change again
        }}
      />
    </div>
  );
}
