"""Searching the knowledge base by meaning and by words."""

import asyncio
from uuid import UUID

from agent.knowledge.embed import AsyncEmbedder
from agent.knowledge.embedder import EmbeddingFailed
from agent.knowledge.spelling import find_strange_words, mend
from core.logging import RareLog, get_logger
from database.patience import READ_SECONDS, run_patiently
from database.pool import DbPool
from database.queries.knowledge import PUBLIC, Shelf, count_known_words, search_passages
from database.queries.vectors import QueryVector, is_ready
from database.types import Passage

_log = RareLog(get_logger(__name__))

MAX_PASSAGES = 6
MAX_QUERY_CHARACTERS = 2_000


class KnowledgeSearch:
    """Finds passages for a question. Without an embedder, words alone decide.

    The remote model is asked where it has embedded everything; else, and where it fails, the local one.
    """

    def __init__(self, pool: DbPool, local: AsyncEmbedder | None, remote: AsyncEmbedder | None = None) -> None:
        self._pool = pool
        self._local = local
        self._remote = remote

    async def search(self, query: str, *, shelf: Shelf = PUBLIC, max_passages: int = MAX_PASSAGES) -> list[Passage]:
        """The best passages on the shelf, best first. Raises DatabaseAway, which is not the same as finding none.

        What seems mistyped is looked for as it is, and as it was meant.
        """
        words = query[:MAX_QUERY_CHARACTERS]
        found = await self._search(words, shelf, max_passages)
        meant = await self.mend(words)
        if meant == words:
            return found
        best: dict[UUID, Passage] = {}
        for passage in [*found, *await self._search(meant, shelf, max_passages)]:
            if passage.id not in best or passage.score > best[passage.id].score:
                best[passage.id] = passage
        return sorted(best.values(), key=lambda passage: -passage.score)[:max_passages]

    async def _search(self, words: str, shelf: Shelf, max_passages: int) -> list[Passage]:
        vector = await self._embed(words)
        return await run_patiently(
            self._pool,
            lambda conn: search_passages(conn, words, vector, max_passages=max_passages, shelf=shelf),
            patience_seconds=READ_SECONDS,
        )

    async def mend(self, words: str) -> str:
        """The question as it was meant, where words of it seem mistyped and the knowledge has what they may mean."""
        strange = await asyncio.to_thread(find_strange_words, words)
        if not any(strange.values()):
            return words
        asked = sorted({*strange, *(meant for near in strange.values() for meant in near)})
        known = await run_patiently(
            self._pool, lambda conn: count_known_words(conn, asked), patience_seconds=READ_SECONDS
        )
        return mend(words, strange, known)

    async def _embed(self, words: str) -> QueryVector | None:
        if self._remote is not None:
            name = self._remote.name
            if await run_patiently(self._pool, lambda conn: is_ready(conn, name), patience_seconds=READ_SECONDS):
                try:
                    return QueryVector(name, (await self._remote.embed([words]))[0].tolist())
                except EmbeddingFailed as error:
                    _log.warning("the local embedding model takes this search", model=name, error=str(error))
        if self._local is None:
            return None
        return QueryVector(self._local.name, (await self._local.embed([words]))[0].tolist())
