import { Button, Progress, Text } from "@mantine/core";
import { CircleAlertIcon, CircleCheckIcon, FileTextIcon, type LucideIcon } from "lucide-react";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { Age } from "../../parts/age";
import type { Sending } from "./sending";
import type { Upload } from "./types";
import { describeOutcome, describeProgress, isOver } from "./upload-words";
import styles from "./uploads.module.css";

/** A file that the server does not have yet, or did not take. */
export function SendingRow({ sending, dismiss }: { sending: Sending; dismiss(): void }) {
  const { name, state, problem } = sending;
  if (state === "refused") {
    return (
      <Row icon={CircleAlertIcon} tone="bad" name={name} side="Not sent">
        <Text size="sm" role="alert">
          {problem}
        </Text>
        <Button variant="subtle" size="compact-sm" onClick={dismiss} aria-label={`Forget ${name}`}>
          Forget it
        </Button>
      </Row>
    );
  }
  return (
    <Row icon={FileTextIcon} tone="plain" name={name}>
      <Bar name={name} text={state === "sending" ? "Being sent" : "Waits for the file before"} percent={null} />
    </Row>
  );
}

export function UploadRow({ upload }: { upload: Upload }) {
  const side = (
    <>
      <Age at={upload.finished_at ?? upload.created_at} />
      {upload.uploaded_by !== "" && ` · ${upload.uploaded_by}`}
    </>
  );
  if (!isOver(upload)) {
    return (
      <Row icon={FileTextIcon} tone="plain" name={upload.name} side={side}>
        <Bar name={upload.name} {...describeProgress(upload)} />
      </Row>
    );
  }
  if (upload.state === "failed") {
    return (
      <Row icon={CircleAlertIcon} tone="bad" name={upload.name} side={side}>
        <Text size="sm">{upload.problem ?? "It could not be read."} Mend the file and upload it again.</Text>
      </Row>
    );
  }
  return (
    <Row icon={CircleCheckIcon} tone="good" name={upload.name} side={side}>
      <Text size="sm" c="dimmed">
        {describeOutcome(upload)}{" "}
        {upload.article_id !== null && (
          <Link to={`/knowledge/articles/${upload.article_id}`} aria-label={`Open the article of ${upload.name}`}>
            Open the article
          </Link>
        )}
      </Text>
    </Row>
  );
}

interface RowProps {
  icon: LucideIcon;
  tone: "plain" | "good" | "bad";
  name: string;
  side?: ReactNode;
  children: ReactNode;
}

function Row({ icon: Icon, tone, name, side, children }: RowProps) {
  return (
    <li className={styles.row}>
      <Icon className={styles.icon} data-tone={tone} size={18} aria-hidden />
      <span className={styles.name} title={name}>
        {name}
      </span>
      <span className={styles.side}>{side}</span>
      <div className={styles.outcome}>{children}</div>
    </li>
  );
}

function Bar({ name, text, percent }: { name: string; text: string; percent: number | null }) {
  if (percent === null) return <span className={styles.waiting}>{text}</span>;
  return (
    <div className={styles.bar}>
      <Progress value={percent} size="sm" aria-label={`Progress of ${name}`} />
      <Text size="xs" c="dimmed" className={styles.progress}>
        {text}
      </Text>
    </div>
  );
}
