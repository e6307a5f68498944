"""Searching the knowledge base by meaning and by words."""

from agent.knowledge.embed import AsyncEmbedder
from agent.knowledge.embedder import EmbeddingFailed
from core.logging import RareLog, get_logger
from database.patience import READ_SECONDS, run_patiently
from database.pool import DbPool
from database.queries.knowledge import PUBLIC, Shelf, search_passages
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
        """The best passages on the shelf, best first. Raises DatabaseAway, which is not the same as finding none."""
        words = query[:MAX_QUERY_CHARACTERS]
        vector = await self._embed(words)
        return await run_patiently(
            self._pool,
            lambda conn: search_passages(conn, words, vector, max_passages=max_passages, shelf=shelf),
            patience_seconds=READ_SECONDS,
        )

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
