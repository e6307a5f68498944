"""Loading documents into the knowledge base: read, cut, embed, store, compare; unchanged ones are skipped."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from uuid import UUID

from agent.decision.language import DEFAULT_LANGUAGE, detect_language
from agent.knowledge.documents import Document, DocumentError, read_document
from agent.knowledge.embedder import Embedder, Embedders
from agent.knowledge.hints import Hint, keep_hints
from agent.knowledge.passages import cut_passages
from agent.knowledge.vectors import TellProgress, embed_texts, tell_nobody
from database.pool import Conn, DbPool
from database.queries import knowledge
from database.queries.knowledge import NewArticle

_TOLD_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Ingested:
    """What became of one document. `problem` says why it was left out; `hints` are what a person should look at."""

    source: str
    passages: int
    is_unchanged: bool = False
    is_draft: bool = False
    problem: str | None = None
    hints: tuple[Hint, ...] = ()


Settle = Callable[[Conn, UUID, Ingested], Awaitable[None]]


async def settle_nothing(_conn: Conn, _article_id: UUID, _stored: Ingested) -> None:
    """For documents that nobody waits for."""


async def ingest_documents(
    pool: DbPool,
    embedder: Embedder | None,
    paths: list[Path],
    *,
    root: Path | None = None,
    remote: Embedder | None = None,
    settle: Settle = settle_nothing,
) -> AsyncIterator[Ingested]:
    """Load files one by one, each in a transaction of its own; a damaged file does not stop the others.

    A file is known by its path below `root`: loading it again makes a new revision of the same article. An article
    that was made a draft stays one, unless the document says otherwise.
    """
    for number, path in enumerate(paths):
        if number.bit_count() == 1:
            # As often as their number has doubled: with plans for empty tables the comparisons take ten times as long.
            async with pool.acquire() as conn:
                await knowledge.refresh_statistics(conn)
        try:
            document = await asyncio.to_thread(read_document, path)
        except DocumentError as error:
            yield Ingested(_name_source(path, root), 0, problem=str(error))
            continue
        embedders = Embedders(embedder, remote)
        yield await store_document(pool, embedders, _name_source(path, root), document, settle=settle)
    async with pool.acquire() as conn:
        await knowledge.refresh_statistics(conn)


async def tell_languages(pool: DbPool) -> int:
    """Find out what language the revisions are in that were stored before anybody asked; how many there were."""

    def tell(untold: Sequence[tuple[UUID, str]]) -> list[tuple[UUID, str]]:
        return [(revision_id, _tell_language([text])) for revision_id, text in untold]

    total = 0
    while True:
        async with pool.acquire() as conn:
            untold = await knowledge.list_untold(conn, max_revisions=_TOLD_AT_ONCE)
        if not untold:
            return total
        told = await asyncio.to_thread(tell, untold)
        async with pool.acquire() as conn:
            await knowledge.set_languages(conn, told)
        total += len(told)


async def store_document(
    pool: DbPool,
    embedders: Embedders,
    source: str,
    document: Document,
    *,
    tell: TellProgress = tell_nobody,
    settle: Settle = settle_nothing,
) -> Ingested:
    """Store what a document says now, publish it unless it is a draft, and compare it with the others.

    `settle` is called in the transaction that stores it; what it raises takes all of it back.
    """
    article = await asyncio.to_thread(_make_article, source, document)
    # Before it is stored: whatever can be found by words can be found by meaning as well.
    await embed_texts(pool, embedders, article.texts, tell=tell)
    async with pool.acquire() as conn:
        async with conn.transaction():
            known = await knowledge.find_article(conn, source)
            is_draft = not known.is_published if document.is_draft is None and known else bool(document.is_draft)
            is_unchanged = known is not None and known.content_hash == article.content_hash
            if known is None or not is_unchanged:
                known = await knowledge.add_revision(conn, article, model=embedders.first_name)
            await _set_draft(conn, known, is_draft=is_draft)
            stored = Ingested(source, len(article.passages), is_unchanged=is_unchanged, is_draft=is_draft)
            await settle(conn, known.id, stored)
        if is_unchanged:
            return stored
        return replace(stored, hints=tuple(await keep_hints(conn, known.revision_id, embedders.local)))


async def _set_draft(conn: Conn, article: knowledge.KnownArticle, *, is_draft: bool) -> None:
    if is_draft:
        await knowledge.unpublish_article(conn, article.id)
    else:
        await knowledge.publish_revision(conn, article.revision_id)


def _make_article(source: str, document: Document) -> NewArticle:
    passages = cut_passages(document)
    language = document.language or _tell_language([document.title, *(section.text for section in document.sections)])
    parts = [document.category, language, document.audience, *(passage.passage_text for passage in passages)]
    parts += document.questions
    return NewArticle(
        source=source,
        title=document.title,
        category=document.category,
        language=language,
        audience=document.audience,
        content_hash=sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).hexdigest(),
        passages=passages,
        questions=document.questions,
    )


def _tell_language(texts: Sequence[str]) -> str:
    return detect_language("\n".join(texts)) or DEFAULT_LANGUAGE


def _name_source(path: Path, root: Path | None) -> str:
    if root is not None and path.resolve().is_relative_to(root.resolve()):
        return path.resolve().relative_to(root.resolve()).as_posix()
    return path.as_posix()
