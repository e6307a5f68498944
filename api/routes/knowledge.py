"""The knowledge for those who keep it: articles with their past, published or not."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends
from fastapi import Query as QueryParameters

from api.access import allow
from api.audit import AuditDep
from api.desk import DeskDep
from api.problems import Problem
from api.schemas.knowledge import ArticleQuery, ArticleRow, Articles, ArticleView
from database.pool import Conn
from database.queries import articles, knowledge
from database.queries.articles import ArticleFilter
from database.queries.knowledge import KnownArticle

router = APIRouter(prefix="/knowledge/articles", tags=["knowledge"])

_NO_ARTICLE = "There is no such article."


@router.get("", dependencies=[Depends(allow("knowledge:read"))])
async def list_articles(desk: DeskDep, asked: Annotated[ArticleQuery, QueryParameters()]) -> Articles:
    """Articles, drafts and learned answers as they stand, changed last first."""
    wanted = ArticleFilter(**asked.model_dump(exclude={"cursor", "limit"}))
    async with desk.pool.acquire() as conn:
        found = await articles.list_page(conn, wanted, before=asked.cursor, max_articles=asked.limit + 1)
    page = found[: asked.limit]
    return Articles(
        articles=[ArticleRow(**row) for row in page],
        next_cursor=page[-1]["revision_id"] if len(found) > asked.limit else None,
    )


@router.get("/{article_id}", dependencies=[Depends(allow("knowledge:read"))])
async def read_article(article_id: UUID, desk: DeskDep) -> ArticleView:
    """What an article says as it was loaded last, its revisions, and the hints on it."""
    async with desk.pool.acquire() as conn:
        return await _view(conn, article_id)


@router.post("/{article_id}/publish", dependencies=[Depends(allow("knowledge:write"))])
async def publish_article(article_id: UUID, desk: DeskDep, audit: AuditDep) -> ArticleView:
    """Let the agent read an article, as it was loaded last. Publishing what is published changes nothing."""
    async with desk.pool.acquire() as conn, conn.transaction():
        article = await _lock(conn, article_id)
        if await knowledge.publish_revision(conn, article.revision_id):
            await audit.record(
                conn, "article.published", "article", article_id, after={"revision": article.revision_id}
            )
        return await _view(conn, article_id)


@router.post("/{article_id}/unpublish", dependencies=[Depends(allow("knowledge:write"))])
async def unpublish_article(article_id: UUID, desk: DeskDep, audit: AuditDep) -> ArticleView:
    """Make an article a draft: it stays, and the agent does not read it. So do the answers that were taken from it."""
    async with desk.pool.acquire() as conn, conn.transaction():
        article = await _lock(conn, article_id)
        if await knowledge.unpublish_article(conn, article.id):
            await audit.record(conn, "article.unpublished", "article", article_id)
        return await _view(conn, article_id)


@router.delete("/{article_id}", status_code=204, dependencies=[Depends(allow("knowledge:write"))])
async def delete_draft(article_id: UUID, desk: DeskDep, audit: AuditDep) -> None:
    """Delete an article that was never published. One that was stays, because answers rest on it: unpublish it."""
    async with desk.pool.acquire() as conn, conn.transaction():
        article = await _lock(conn, article_id)
        if not await knowledge.drop_draft(conn, article.id):
            raise Problem(409, "This article was published once, and answers may rest on it. Unpublish it instead.")
        await audit.record(conn, "article.deleted", "article", article_id)


async def _lock(conn: Conn, article_id: UUID) -> KnownArticle:
    """Nobody loads or publishes it until the transaction ends."""
    view: dict[str, Any] | None = await articles.view_article(conn, article_id)
    article = await knowledge.find_article(conn, view["source"]) if view else None
    if article is None:
        raise Problem(404, _NO_ARTICLE)
    return article


async def _view(conn: Conn, article_id: UUID) -> ArticleView:
    view = await articles.view_article(conn, article_id)
    if view is None:
        raise Problem(404, _NO_ARTICLE)
    return ArticleView(**view)
