"""Articles, their revisions and passages, and the fused search over them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from asyncpg import Record

from core.ids import new_id
from database.pool import Conn
from database.queries.vectors import PassageText, QueryVector, format_vector, hash_text
from database.statements import load_statements
from database.types import Audience, Passage, PassageKind

_SQL = load_statements("knowledge")

# Rows by words. As many by meaning, of which half may be titles of the other half, stand in the SQL itself.
CANDIDATES = 60
COMMON_PASSAGES = 5_000
HintKind = Literal["duplicate", "contradiction"]


@dataclass(frozen=True, slots=True)
class NewArticle:
    """An article to store. `ticket_id` is that of a resolution, `rests_on` the article it was taken from.

    `questions` are how customers ask for what it answers.
    """

    source: str
    title: str
    category: str
    language: str
    audience: Audience
    content_hash: str
    passages: Sequence[PassageText]
    questions: Sequence[str] = ()
    kind: PassageKind = "article"
    ticket_id: UUID | None = None
    rests_on: UUID | None = None

    @property
    def texts(self) -> tuple[str, ...]:
        """All that is embedded of it."""
        return (*(text for passage in self.passages for text in passage.texts), *self.questions)


@dataclass(frozen=True, slots=True)
class KnownArticle:
    """The newest revision of an article."""

    id: UUID
    revision_id: UUID
    content_hash: str
    is_published: bool


@dataclass(frozen=True, slots=True)
class KnowledgeVersion:
    """A state of the published knowledge, since when it is, and the languages (ISO 639-1) customers may read it in."""

    id: UUID
    published_at: datetime
    languages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shelf:
    """What a search may find: for whom, in which language (None is any), as of when, and without which ticket's."""

    audiences: tuple[Audience, ...] = ("public",)
    language: str | None = None
    as_of: datetime | None = None
    without_ticket: UUID | None = None


PUBLIC = Shelf()


@dataclass(frozen=True, slots=True)
class NearPassage:
    """A passage and a published one of another article that is like it."""

    id: UUID
    title: str
    content: str
    other_id: UUID
    other_title: str
    other_content: str
    other_source: str
    cosine: float


async def find_article(conn: Conn, source: str) -> KnownArticle | None:
    """What is stored under this source. Locks it until the transaction ends."""
    row = await _SQL["find_article"].fetch_row(conn, source=source)
    return KnownArticle(**dict(row)) if row else None


async def add_revision(conn: Conn, article: NewArticle, *, model: str | None = None) -> KnownArticle:
    """Store an article, or what it says now, as a draft. Needs a transaction.

    `model` has embedded its texts, and tells to which passage a question belongs; without one words do.
    """
    article_id: UUID = await _SQL["put_article"].fetch_value(
        conn,
        id=new_id(),
        source=article.source,
        kind=article.kind,
        ticket_id=article.ticket_id,
        rests_on=article.rests_on,
    )
    revision_id = new_id()
    await _SQL["add_revision"].execute(
        conn,
        id=revision_id,
        article_id=article_id,
        title=article.title,
        category=article.category,
        language=article.language,
        audience=article.audience,
        content_hash=article.content_hash,
        passages=len(article.passages),
    )
    await _SQL["add_passage"].execute_many(
        conn,
        [
            {
                "id": new_id(),
                "revision_id": revision_id,
                "position": position,
                "title": passage.title,
                "heading": passage.heading,
                "content": passage.content,
                "title_hash": hash_text(passage.title_text),
                "passage_hash": hash_text(passage.passage_text),
            }
            for position, passage in enumerate(article.passages)
        ],
    )
    await _SQL["add_question"].execute_many(
        conn,
        [
            {"revision_id": revision_id, "question": question, "hash": hash_text(question), "model": model}
            for question in article.questions
        ],
    )
    return KnownArticle(article_id, revision_id, article.content_hash, is_published=False)


async def publish_revision(conn: Conn, revision_id: UUID) -> bool:
    """Let the agent read this revision from now on, and no other of its article; False if it does already.

    Resolutions that rest on what the article said before are published no longer.
    """
    return await _note_change(conn, await _SQL["publish"].fetch(conn, revision_id=revision_id))


async def unpublish_article(conn: Conn, article_id: UUID) -> bool:
    """Make the article a draft again, and the resolutions that rest on it; False if it is one."""
    return await _note_change(conn, await _SQL["unpublish"].fetch(conn, article_id=article_id))


async def drop_draft(conn: Conn, article_id: UUID) -> bool:
    """Delete an article that was never published; False if it was, because answers may rest on it."""
    return await _SQL["drop_draft"].fetch_value(conn, article_id=article_id) is not None


async def list_passages(conn: Conn, revision_id: UUID) -> list[dict[str, Any]]:
    """What a revision says: title, heading and content of each passage, in order."""
    return [dict(row) for row in await _SQL["list_passages"].fetch(conn, revision_id=revision_id)]


async def _note_change(conn: Conn, changed: Sequence[Record]) -> bool:
    if changed:
        await _SQL["withdraw_resting"].execute(conn, article_id=changed[0]["article_id"])
        await _SQL["add_version"].execute(conn, id=new_id())
    return bool(changed)


async def find_version(conn: Conn, *, as_of: datetime | None = None) -> KnowledgeVersion | None:
    """The version that is, or was, in force; None before anything was published."""
    row = await _SQL["find_version"].fetch_row(conn, as_of=as_of)
    return KnowledgeVersion(row["id"], row["published_at"], tuple(row["languages"])) if row else None


async def count_articles(conn: Conn) -> int:
    """How many articles the desk has, drafts included and resolutions not."""
    count: int = await _SQL["count_articles"].fetch_value(conn)
    return count


async def list_articles(conn: Conn) -> list[dict[str, Any]]:
    """Every article as it stands, with the number of its revisions and of the hints on it."""
    return [dict(row) for row in await _SQL["list_articles"].fetch(conn)]


async def list_untold(conn: Conn, *, max_revisions: int) -> list[tuple[UUID, str]]:
    """Revisions whose language is not known yet, each with its title and first passages."""
    rows = await _SQL["list_untold"].fetch(conn, max_revisions=max_revisions)
    return [(row["id"], row["text"]) for row in rows]


async def set_languages(conn: Conn, languages: Sequence[tuple[UUID, str]]) -> None:
    """Note what languages (ISO 639-1) these revisions are in."""
    rows: list[dict[str, object]] = [
        {"revision_id": revision_id, "language": language} for revision_id, language in languages
    ]
    await _SQL["set_language"].execute_many(conn, rows)


async def search_passages(
    conn: Conn, words: str, vector: QueryVector | None, *, max_passages: int, shelf: Shelf = PUBLIC
) -> list[Passage]:
    """The best passages for a question, best first. Without a vector the words alone decide."""
    rows = await _SQL["search"].fetch(
        conn,
        words=words,
        **format_vector(vector.values if vector else None),
        model=vector.model if vector else None,
        audiences=list(shelf.audiences),
        language=shelf.language,
        as_of=shelf.as_of,
        without_ticket=shelf.without_ticket,
        common=COMMON_PASSAGES,
        candidates=CANDIDATES,
        max_passages=max_passages,
    )
    return [Passage(**dict(row)) for row in rows]


async def count_known_words(conn: Conn, words: Sequence[str]) -> dict[str, int]:
    """Those of `words` that any article has, in any inflection, with the number of passages: 1,000 at most."""
    rows = await _SQL["count_known_words"].fetch(conn, words=list(words))
    return {row["word"]: row["passages"] for row in rows}


async def list_nearest(conn: Conn, revision_id: UUID, *, model: str, least: float) -> list[NearPassage]:
    """Published passages of other articles whose cosine with one of this revision is `least` or more."""
    rows = await _SQL["list_nearest"].fetch(conn, revision_id=revision_id, model=model, least=least)
    return [NearPassage(**dict(row)) for row in rows]


async def replace_hints(conn: Conn, revision_id: UUID, hints: Sequence[tuple[UUID, UUID, HintKind, str]]) -> None:
    """Keep these hints (passage, other passage, kind, reason) for a revision in place of its earlier ones."""
    await _SQL["drop_hints"].execute(conn, revision_id=revision_id)
    rows: list[dict[str, object]] = [
        {"passage_id": passage, "other_id": other, "kind": kind, "reason": reason}
        for passage, other, kind, reason in hints
    ]
    await _SQL["add_hint"].execute_many(conn, rows)


async def list_hints(conn: Conn) -> list[dict[str, Any]]:
    """Every hint between two published passages."""
    return [dict(row) for row in await _SQL["list_hints"].fetch(conn)]


async def refresh_statistics(conn: Conn) -> None:
    """Tell the planner how large the knowledge is; needs no transaction around it."""
    await _SQL["refresh_statistics"].execute(conn)
