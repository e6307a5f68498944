import { Badge, Button, Text } from "@mantine/core";
import { BookOpenIcon, SearchXIcon, TriangleAlertIcon } from "lucide-react";
import { Link, useSearchParams } from "react-router";
import { Age } from "../../parts/age";
import { Empty, LoadProblem, More, SkeletonRows } from "../../parts/states";
import { hasScope, useUser } from "../../session/session-context";
import { ArticleFilters } from "./article-filters";
import styles from "./articles.module.css";
import { readChosen, toFilters, writeChosen } from "./filters";
import { AUDIENCE_LABELS, KIND_LABELS, count, nameLanguage } from "./labels";
import { useArticles } from "./queries";
import type { ArticleRow } from "./types";

export function ArticleList() {
  const [address, setAddress] = useSearchParams();
  const chosen = readChosen(address);
  const filters = toFilters(chosen);
  const list = useArticles(filters);
  const articles = list.data?.pages.flatMap((page) => page.articles);
  return (
    <>
      <ArticleFilters
        chosen={chosen}
        choose={(change) =>
          setAddress((before) => writeChosen({ ...readChosen(before), ...change }), { replace: true })
        }
      />
      {list.isError && !articles && (
        <LoadProblem title="The articles could not be loaded" error={list.error} retry={list.refetch} />
      )}
      {list.isPending && <SkeletonRows height={58} />}
      {articles?.length === 0 && <NoArticles isFiltered={Object.keys(filters).length > 0} clear={() => setAddress({})} />}
      {articles && articles.length > 0 && (
        <ul className={styles.rows} aria-label="Articles" aria-busy={list.isPlaceholderData}>
          {articles.map((article) => (
            <Row key={article.id} article={article} />
          ))}
        </ul>
      )}
      <More list={list} />
    </>
  );
}

function Row({ article }: { article: ArticleRow }) {
  const { title, source, kind, category, language, audience } = article;
  return (
    <li className={styles.row}>
      <div className={styles.what}>
        <Link className={styles.title} to={`/knowledge/articles/${article.id}`} title={title}>
          {title}
        </Link>
        <Text component="div" size="xs" c="dimmed" truncate title={source}>
          {kind === "article" ? source : KIND_LABELS[kind]}
        </Text>
      </div>
      <div className={styles.marks}>
        {article.hints > 0 && (
          <Badge color="yellow" variant="light" leftSection={<TriangleAlertIcon size={12} aria-hidden />}>
            {count(article.hints, "hint")}
          </Badge>
        )}
        {audience === "internal" && (
          <Badge color="gray" variant="light">
            {AUDIENCE_LABELS.internal}
          </Badge>
        )}
        <StateBadge isPublished={article.is_published} />
      </div>
      <span className={styles.category} title={category}>
        {category}
      </span>
      <span className={styles.language}>{nameLanguage(language)}</span>
      <span className={styles.figure}>{count(article.passages, "passage")}</span>
      <span className={styles.age}>
        <Age at={article.updated_at} />
      </span>
    </li>
  );
}

export function StateBadge({ isPublished }: { isPublished: boolean }) {
  return (
    <Badge color={isPublished ? "green" : "gray"} variant="light">
      {isPublished ? "Published" : "Draft"}
    </Badge>
  );
}

function NoArticles({ isFiltered, clear }: { isFiltered: boolean; clear(): void }) {
  const mayWrite = hasScope(useUser(), "knowledge:write");
  if (isFiltered) {
    return (
      <Empty icon={SearchXIcon} title="No article is like that">
        <p>Use fewer words, or take a filter away.</p>
        <Button variant="default" size="xs" onClick={clear}>
          Show all articles
        </Button>
      </Empty>
    );
  }
  return (
    <Empty icon={BookOpenIcon} title="The desk knows nothing yet">
      <p>It answers only from articles. Until there are some, it hands every question to a person.</p>
      {mayWrite && (
        <Button component={Link} to="/knowledge/uploads" size="xs">
          Upload articles
        </Button>
      )}
    </Empty>
  );
}
