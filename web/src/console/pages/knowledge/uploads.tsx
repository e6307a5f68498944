import { Alert, Button, Text } from "@mantine/core";
import { FileUpIcon } from "lucide-react";
import { useState } from "react";
import { useSearchParams } from "react-router";
import { Empty, LoadProblem, More, SkeletonRows } from "../../parts/states";
import { DropZone } from "./drop-zone";
import { useArticle, useUploads } from "./queries";
import { useFiles } from "./sending-context";
import type { FileFields } from "./types";
import { UploadFields } from "./upload-fields";
import { SendingRow, UploadRow } from "./upload-rows";
import styles from "./uploads.module.css";

export function Uploads() {
  const [address, setAddress] = useSearchParams();
  const replaces = address.get("replaces");
  const [said, say] = useState<FileFields>({});
  const { send } = useFiles();
  return (
    <>
      <section className={styles.top} aria-label="New files">
        {replaces !== null && <Replacing id={replaces} stop={() => setAddress({})} />}
        <DropZone
          isSingle={replaces !== null}
          onFiles={(files) => {
            send(files, replaces === null ? said : { ...said, replaces });
            if (replaces !== null) setAddress({});
          }}
        />
        <UploadFields said={said} say={say} isReplacing={replaces !== null} />
      </section>
      <UploadList />
    </>
  );
}

function Replacing({ id, stop }: { id: string; stop(): void }) {
  const article = useArticle(id);
  return (
    <Alert color="accent" className={styles.replacing}>
      <Text size="sm">
        The file becomes a new revision of <strong>{article.data?.title ?? "the article"}</strong>, whatever its name is.
      </Text>
      <Button variant="default" size="xs" mt="xs" onClick={stop}>
        Upload new articles instead
      </Button>
    </Alert>
  );
}

function UploadList() {
  const { sendings, dismiss } = useFiles();
  const list = useUploads();
  const uploads = list.data?.pages.flatMap((page) => page.uploads) ?? [];
  if (list.isPending) return <SkeletonRows rows={4} height={56} />;
  return (
    <>
      {list.isError && <LoadProblem title="The uploads could not be loaded" error={list.error} retry={list.refetch} />}
      {list.isSuccess && uploads.length + sendings.length === 0 && (
        <Empty icon={FileUpIcon} title="Nothing was uploaded in the last thirty days">
          <p>Drop your help pages above. Each file becomes an article that the desk answers from.</p>
        </Empty>
      )}
      {uploads.length + sendings.length > 0 && (
        <ul className={styles.rows} aria-label="Uploads">
          {sendings.map((sending) => (
            <SendingRow key={`sending-${sending.id}`} sending={sending} dismiss={() => dismiss(sending.id)} />
          ))}
          {uploads.map((upload) => (
            <UploadRow key={upload.id} upload={upload} />
          ))}
        </ul>
      )}
      <More list={list} />
    </>
  );
}
