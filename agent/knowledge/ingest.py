"""Loading documents into the knowledge base: read, cut, embed, store; unchanged ones are skipped."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from agent.knowledge.documents import Document, DocumentError, read_document
from agent.knowledge.embedder import Embedder
from agent.knowledge.passages import CutPassage, cut_passages
from database.pool import DbPool
from database.queries import knowledge


@dataclass(frozen=True, slots=True)
class Ingested:
    """What became of one file. `problem` says why it was left out."""

    path: Path
    passages: int
    is_unchanged: bool = False
    problem: str | None = None


async def ingest_documents(
    pool: DbPool, embedder: Embedder | None, paths: list[Path], *, root: Path | None = None
) -> AsyncIterator[Ingested]:
    """Load files one by one, each in a transaction of its own; a damaged file does not stop the others.

    A file is known by its path below `root`, so that loading it again replaces what it held before.
    """
    for path in paths:
        try:
            document = await asyncio.to_thread(read_document, path)
        except DocumentError as error:
            yield Ingested(path, 0, problem=str(error))
            continue
        source = _name_source(path, root)
        yield await _ingest_one(pool, embedder, path, source, document)


async def _ingest_one(pool: DbPool, embedder: Embedder | None, path: Path, source: str, document: Document) -> Ingested:
    passages = cut_passages(document)
    model = embedder.name if embedder else None
    content_hash = _hash_content(document, passages, model)
    async with pool.acquire() as conn:
        if await knowledge.find_content_hash(conn, source) == content_hash:
            return Ingested(path, len(passages), is_unchanged=True)
    vectors = (
        (await asyncio.to_thread(embedder.embed, [passage.text_to_embed for passage in passages])).tolist()
        if embedder
        else [None] * len(passages)
    )
    new = [
        knowledge.NewPassage(passage.heading, passage.content, vector)
        for passage, vector in zip(passages, vectors, strict=True)
    ]
    async with pool.acquire() as conn, conn.transaction():
        await knowledge.replace_article(
            conn,
            source=source,
            title=document.title,
            category=document.category,
            content_hash=content_hash,
            passages=new,
            embedding_model=model,
        )
    return Ingested(path, len(passages))


def _name_source(path: Path, root: Path | None) -> str:
    if root is not None and path.resolve().is_relative_to(root.resolve()):
        return path.resolve().relative_to(root.resolve()).as_posix()
    return path.as_posix()


def _hash_content(document: Document, passages: list[CutPassage], model: str | None) -> str:
    parts = [document.category, model or "", *(passage.text_to_embed for passage in passages)]
    return sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
