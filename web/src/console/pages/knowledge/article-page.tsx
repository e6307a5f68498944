import { Alert, Badge, Button, Group, Skeleton, Text, Title } from "@mantine/core";
import { ArrowLeftIcon, FileXIcon } from "lucide-react";
import { Link, useParams } from "react-router";
import { ApiError } from "../../../shared/api-error";
import { Empty, LoadProblem, SkeletonRows } from "../../parts/states";
import { hasScope, useUser } from "../../session/session-context";
import { Page } from "../../shell/page";
import { ArticleActions } from "./article-actions";
import { ArticleAside } from "./article-aside";
import styles from "./article.module.css";
import { StateBadge } from "./article-list";
import { KIND_LABELS } from "./labels";
import { PassageText } from "./passage-text";
import { useArticle } from "./queries";
import type { Article, Hint, Passage } from "./types";

export function ArticlePage() {
  const { id = "" } = useParams();
  const article = useArticle(id);
  const mayWrite = hasScope(useUser(), "knowledge:write");
  if (article.isPending) return <Waiting />;
  if (!article.data) return <NotLoaded error={article.error} retry={article.refetch} />;
  return (
    <>
      <BackLink />
      <Page key={id} title={article.data.title} actions={mayWrite && <ArticleActions article={article.data} />}>
        <ArticleBody article={article.data} />
      </Page>
    </>
  );
}

function ArticleBody({ article }: { article: Article }) {
  return (
    <>
      <Group gap="xs" mb="md">
        <StateBadge isPublished={article.is_published} />
        <Badge color="gray" variant="light">
          {KIND_LABELS[article.kind]}
        </Badge>
        <Text size="sm" c="dimmed">
          {article.is_published
            ? "The desk answers from it."
            : "The desk does not read it until somebody publishes it."}
        </Text>
      </Group>
      <Hints hints={article.hint_list} />
      <div className={styles.columns}>
        <section className={styles.passages} aria-label="Text">
          {article.passage_list.map((passage) => (
            <PassageView key={passage.id} passage={passage} />
          ))}
        </section>
        <ArticleAside article={article} />
      </div>
    </>
  );
}

function PassageView({ passage }: { passage: Passage }) {
  return (
    <article className={styles.passage}>
      {passage.heading !== "" && (
        <Title order={2} size="h4" mb="xs">
          {passage.heading}
        </Title>
      )}
      <PassageText text={passage.content} />
      {passage.questions.length > 0 && (
        <div className={styles.questions}>
          <Text size="xs" fw={600} c="dimmed">
            Answers questions such as
          </Text>
          <ul>
            {passage.questions.map((question) => (
              <li key={question}>{question}</li>
            ))}
          </ul>
        </div>
      )}
    </article>
  );
}

function Hints({ hints }: { hints: Hint[] }) {
  if (hints.length === 0) return null;
  return (
    <Alert color="yellow" title="Look at this before customers do" mb="md">
      <ul className={styles.hints}>
        {hints.map((hint) => (
          <li key={`${hint.heading}/${hint.other_article_id}/${hint.other_heading}/${hint.kind}`}>
            <strong>{hint.heading || "The text"}</strong>{" "}
            {hint.kind === "duplicate" ? "says the same as" : "may contradict"}{" "}
            <Link to={`/knowledge/articles/${hint.other_article_id}`}>
              {hint.other_title}
              {hint.other_heading && ` › ${hint.other_heading}`}
            </Link>
            : {hint.reason}
          </li>
        ))}
      </ul>
    </Alert>
  );
}

function BackLink() {
  return (
    <Link className={styles.back} to="/knowledge">
      <ArrowLeftIcon size={14} aria-hidden /> All articles
    </Link>
  );
}

function Waiting() {
  return (
    <>
      <BackLink />
      <Skeleton height={28} width="40%" mb="lg" />
      <SkeletonRows rows={3} height={140} />
    </>
  );
}

function NotLoaded({ error, retry }: { error: unknown; retry(): unknown }) {
  const isUnknown = error instanceof ApiError && (error.status === 404 || error.status === 422);
  return (
    <>
      <BackLink />
      <Page title="Article">
        {isUnknown ? (
          <Empty icon={FileXIcon} title="There is no such article">
            <p>It may have been deleted as a draft, or the address is not complete.</p>
            <Button component={Link} to="/knowledge" variant="default" size="xs">
              Back to the articles
            </Button>
          </Empty>
        ) : (
          <LoadProblem title="The article could not be loaded" error={error} retry={retry} />
        )}
      </Page>
    </>
  );
}
