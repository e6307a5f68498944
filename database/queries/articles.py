"""Articles as those see them who keep the knowledge: page by page, and one with all its past."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from database.pool import Conn
from database.statements import load_statements
from database.types import Audience, PassageKind

_SQL = load_statements("articles")


@dataclass(frozen=True, slots=True)
class ArticleFilter:
    """Which articles to list; None is any. The words of `q` must all stand in the article, in any inflection."""

    kind: PassageKind | None = None
    category: str | None = None
    audience: Audience | None = None
    language: str | None = None
    is_published: bool | None = None
    q: str | None = None


async def list_page(
    conn: Conn, wanted: ArticleFilter, *, before: UUID | None, max_articles: int
) -> list[dict[str, Any]]:
    """Articles, changed last first. `before` is the `revision_id` of the last one on the page before."""
    rows = await _SQL["list_page"].fetch(
        conn,
        kind=wanted.kind,
        category=wanted.category,
        audience=wanted.audience,
        language=wanted.language,
        is_published=wanted.is_published,
        words=wanted.q,
        before=before,
        max_articles=max_articles,
    )
    return [dict(row) for row in rows]


async def view_article(conn: Conn, article_id: UUID) -> dict[str, Any] | None:
    """An article with its revisions, what it says as it was loaded last, and the hints on that."""
    article = await _SQL["view"].fetch_row(conn, article_id=article_id)
    if article is None:
        return None
    parts = {
        "revision_list": await _SQL["list_revisions"].fetch(conn, article_id=article_id),
        "passage_list": await _SQL["list_passages"].fetch(conn, revision_id=article["revision_id"]),
        "hint_list": await _SQL["list_hints"].fetch(conn, revision_id=article["revision_id"]),
    }
    return {**dict(article), **{name: [dict(row) for row in rows] for name, rows in parts.items()}}
