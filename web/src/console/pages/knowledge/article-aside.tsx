import { Badge, Button, Text, Title } from "@mantine/core";
import { UploadIcon } from "lucide-react";
import { Link } from "react-router";
import { Age } from "../../parts/age";
import panel from "../../parts/panel.module.css";
import { hasScope, useUser } from "../../session/session-context";
import styles from "./article.module.css";
import { AUDIENCE_LABELS, count, nameLanguage } from "./labels";
import type { Article, Revision } from "./types";

/** What there is to know about an article beside its text. */
export function ArticleAside({ article }: { article: Article }) {
  const mayWrite = hasScope(useUser(), "knowledge:write");
  return (
    <aside className={styles.aside} aria-label="About the article">
      <section className={panel.padded}>
        <Facts article={article} />
        {mayWrite && article.kind === "article" && (
          <Button
            component={Link}
            to={`/knowledge/uploads?replaces=${article.id}`}
            variant="default"
            size="xs"
            mt="md"
            fullWidth
            leftSection={<UploadIcon size={14} aria-hidden />}
          >
            Replace by a file
          </Button>
        )}
      </section>
      <section className={panel.panel}>
        <Title order={2} size="h5" className={styles.heading}>
          {count(article.revision_list.length, "revision")}
        </Title>
        <ol className={styles.revisions}>
          {article.revision_list.map((revision) => (
            <RevisionRow key={revision.id} revision={revision} />
          ))}
        </ol>
      </section>
    </aside>
  );
}

function Facts({ article }: { article: Article }) {
  return (
    <dl className={panel.facts}>
      <dt>Readers</dt>
      <dd>{AUDIENCE_LABELS[article.audience]}</dd>
      <dt>Category</dt>
      <dd>{article.category}</dd>
      <dt>Language</dt>
      <dd>{nameLanguage(article.language)}</dd>
      <dt>{article.kind === "article" ? "File" : "Known as"}</dt>
      <dd>{article.source}</dd>
      {article.ticket_ref !== null && (
        <>
          <dt>Learned from</dt>
          <dd>
            <Link to={`/tickets/${article.ticket_ref}`}>{article.ticket_ref}</Link>
          </dd>
        </>
      )}
      {article.rests_on !== null && (
        <>
          <dt>Rests on</dt>
          <dd>
            <Link to={`/knowledge/articles/${article.rests_on}`}>another article</Link>
          </dd>
        </>
      )}
      <dt>Changed</dt>
      <dd>
        <Age at={article.updated_at} />
      </dd>
      <dt>First loaded</dt>
      <dd>
        <Age at={article.created_at} />
      </dd>
    </dl>
  );
}

function RevisionRow({ revision }: { revision: Revision }) {
  return (
    <li>
      <div>
        <Text component="div" size="sm" truncate title={revision.title}>
          {revision.title}
        </Text>
        <Text component="div" size="xs" c="dimmed">
          <Age at={revision.created_at} /> · {count(revision.passages, "passage")} · {count(revision.words, "word")}
        </Text>
      </div>
      {revision.is_published && (
        <Badge color="green" variant="light">
          Read now
        </Badge>
      )}
    </li>
  );
}
