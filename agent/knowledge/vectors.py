"""Making the vectors that are missing: for new passages at once, for a new model in the background."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager

from agent.knowledge.embedder import Embedder, Embedders, EmbeddingFailed
from core.logging import RareLog, get_logger
from database.locks import hold_alone
from database.pool import DbPool
from database.queries import vectors
from database.queries.vectors import Coverage, VectorKey, hash_text

_log = get_logger(__name__)
_rare_log = RareLog(_log, seconds=600)

BATCH_PASSAGES = 64
_FORGOTTEN_AT_ONCE = 1_000
_LOOKED_AT_ONCE = 2_000
_TEXTS_AT_ONCE = 32  # so that somebody who waits sees progress every second or two
_LOCK_KEY = 0x6E64_6B76  # "ndkv": one process keeps the knowledge at a time


TellProgress = Callable[[int, int], Awaitable[None]]


async def tell_nobody(_embedded: int, _total: int) -> None:
    """For texts that nobody waits for."""


def keep_alone(url: str) -> AbstractAsyncContextManager[bool]:
    """Whether nobody else keeps the knowledge while the block runs."""
    return hold_alone(url, _LOCK_KEY, application="nightdesk knowledge")


async def embed_texts(
    pool: DbPool, embedders: Embedders, texts: Sequence[str], *, tell: TellProgress = tell_nobody
) -> None:
    """Have every model embed what it has not embedded before. A remote one that fails catches up in the background.

    `tell` is told how many of all texts are embedded, from 0 on.
    """
    total = len(texts) * len(embedders.all)
    for position, embedder in enumerate(embedders.all):
        try:
            for start in range(0, len(texts), _TEXTS_AT_ONCE):
                await tell(position * len(texts) + start, total)
                await _embed(pool, embedder, texts[start : start + _TEXTS_AT_ONCE])
        except EmbeddingFailed as error:
            _rare_log.warning("texts will be embedded later", model=embedder.name, error=str(error))
            async with pool.acquire() as conn:
                await vectors.mark_unready(conn, embedder.name)


async def fill_vectors(pool: DbPool, embedders: Embedders) -> AsyncGenerator[tuple[str, Coverage], None]:
    """Embed all that any model lacks, and yield (model, coverage) as it goes.

    A remote model is searched with from the moment it is complete. Raises EmbeddingFailed when it cannot be asked; what
    it has done stays.
    """
    for embedder in embedders.all:
        async for coverage in _fill_one(pool, embedder):
            yield embedder.name, coverage


async def is_caught_up(pool: DbPool, embedders: Embedders) -> bool:
    """Whether every model was complete, and nothing has been stored since: to count all texts takes much longer."""
    async with pool.acquire() as conn:
        return all([await vectors.is_caught_up(conn, embedder.name) for embedder in embedders.all])


async def forget_unused(pool: DbPool, after: VectorKey) -> VectorKey:
    """Look at some vectors behind `after`, delete those whose texts are gone; where to go on."""
    async with pool.acquire() as conn:
        return await vectors.forget_unused(conn, after, max_vectors=_LOOKED_AT_ONCE) or VectorKey()


async def forget_other_models(pool: DbPool, embedders: Embedders) -> int:
    """Delete the vectors of every model but these, some at a time; how many there were."""
    names, total = [embedder.name for embedder in embedders.all], 0
    while True:
        async with pool.acquire() as conn:
            forgotten = await vectors.forget_other_models(conn, names, max_vectors=_FORGOTTEN_AT_ONCE)
        total += forgotten
        if forgotten < _FORGOTTEN_AT_ONCE:
            return total


async def _fill_one(pool: DbPool, embedder: Embedder) -> AsyncIterator[Coverage]:
    async with pool.acquire() as conn:
        coverage = await vectors.measure_coverage(conn, embedder.name)
        if coverage.embedded < coverage.texts:
            await vectors.mark_unready(conn, embedder.name)
    yield coverage
    while coverage.embedded < coverage.texts:
        async with pool.acquire() as conn:
            missing = await vectors.list_missing(conn, embedder.name, max_passages=BATCH_PASSAGES)
        if not missing:
            break
        await _embed(pool, embedder, [text for passage in missing for text in passage.texts])
        async with pool.acquire() as conn:
            coverage = await vectors.measure_coverage(conn, embedder.name)
        yield coverage
    async with pool.acquire() as conn:
        await vectors.mark_ready(conn, embedder.name)


async def _embed(pool: DbPool, embedder: Embedder, texts: Sequence[str]) -> None:
    known_by = {hash_text(text): text for text in texts}
    async with pool.acquire() as conn:
        unknown = sorted(await vectors.list_unknown(conn, embedder.name, list(known_by)))
    if not unknown:
        return
    made = await asyncio.to_thread(embedder.embed, [known_by[digest] for digest in unknown])
    async with pool.acquire() as conn:
        await vectors.add_vectors(conn, embedder.name, list(zip(unknown, made.tolist(), strict=True)))
