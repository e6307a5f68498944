"""Searching the knowledge base by meaning and by words."""

from agent.knowledge.embed import AsyncEmbedder
from database.pool import DbPool
from database.queries.knowledge import search_passages
from database.types import Passage

MAX_PASSAGES = 6
MAX_QUERY_CHARACTERS = 2_000


class KnowledgeSearch:
    """Finds passages for a question. Without an embedder, words alone decide."""

    def __init__(self, pool: DbPool, embedder: AsyncEmbedder | None) -> None:
        self._pool = pool
        self._embedder = embedder

    async def search(self, query: str) -> list[Passage]:
        """The best passages, best first."""
        words = query[:MAX_QUERY_CHARACTERS]
        vector = (await self._embedder.embed([words]))[0].tolist() if self._embedder else None
        async with self._pool.acquire() as conn:
            return await search_passages(
                conn,
                words,
                embedding=vector,
                embedding_model=self._embedder.name if self._embedder else None,
                max_passages=MAX_PASSAGES,
            )
