"""Searching the knowledge base by meaning and by words."""

from agent.knowledge.embed import AsyncEmbedder
from database.patience import READ_SECONDS, run_patiently
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
        """The best passages, best first. Raises DatabaseAway, which is not the same as finding none."""
        words = query[:MAX_QUERY_CHARACTERS]
        vector = (await self._embedder.embed([words]))[0].tolist() if self._embedder else None
        return await run_patiently(
            self._pool,
            lambda conn: search_passages(
                conn,
                words,
                embedding=vector,
                embedding_model=self._embedder.name if self._embedder else None,
                max_passages=MAX_PASSAGES,
            ),
            patience_seconds=READ_SECONDS,
        )
