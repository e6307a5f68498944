"""Articles, their passages, and the fused search over them."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from core.ids import new_id
from database.pool import Conn
from database.statements import load_statements
from database.types import Passage

_SQL = load_statements("knowledge")

CANDIDATES = 50


@dataclass(frozen=True, slots=True)
class NewPassage:
    """A passage to store. The embedding is unit length, or None where no model is at hand."""

    heading: str
    content: str
    embedding: Sequence[float] | None


async def find_content_hash(conn: Conn, source: str) -> str | None:
    """The hash under which this source was loaded last, if it was."""
    content_hash: str | None = await _SQL["find_hash"].fetch_value(conn, source=source)
    return content_hash


async def replace_article(
    conn: Conn,
    *,
    source: str,
    title: str,
    category: str,
    content_hash: str,
    passages: Sequence[NewPassage],
    embedding_model: str | None,
) -> UUID:
    """Store an article with all its passages in place of what this source held before. Needs a transaction."""
    article_id: UUID = await _SQL["put_article"].fetch_value(
        conn, id=new_id(), source=source, title=title, category=category, content_hash=content_hash
    )
    await _SQL["drop_passages"].execute(conn, article_id=article_id)
    await _SQL["add_passage"].execute_many(
        conn,
        [
            {
                "id": new_id(),
                "article_id": article_id,
                "position": position,
                "title": title,
                "heading": passage.heading,
                "content": passage.content,
                "embedding": _format_vector(passage.embedding),
                "embedding_model": embedding_model if passage.embedding is not None else None,
            }
            for position, passage in enumerate(passages)
        ],
    )
    return article_id


async def count_articles(conn: Conn) -> int:
    """How many articles the desk knows."""
    count: int = await _SQL["count_articles"].fetch_value(conn)
    return count


async def search_passages(
    conn: Conn,
    words: str,
    *,
    embedding: Sequence[float] | None,
    embedding_model: str | None,
    max_passages: int,
) -> list[Passage]:
    """The best passages for a question, best first. Without an embedding the words alone decide."""
    rows = await _SQL["search"].fetch(
        conn,
        words=words,
        embedding=_format_vector(embedding),
        embedding_model=embedding_model,
        candidates=CANDIDATES,
        max_passages=max_passages,
    )
    return [Passage(**dict(row)) for row in rows]


def _format_vector(values: Sequence[float] | None) -> str | None:
    return None if values is None else f"[{','.join(f'{value:.7g}' for value in values)}]"
