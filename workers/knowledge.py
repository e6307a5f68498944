"""What a worker does for the knowledge beside the turns: missing vectors, and resolutions to be learned."""

import asyncio

from agent.knowledge.embedder import Embedders, EmbeddingFailed
from agent.knowledge.resolutions import learn_resolutions
from agent.knowledge.vectors import fill_vectors
from core.logging import RareLog, get_logger
from core.settings import KnowledgeSettings
from database.pool import DATABASE_ERRORS, DbPool

_log = get_logger(__name__)

ROUND_SECONDS = 60.0


class KnowledgeKeeper:
    """Every worker runs one; a lock in the database lets one of them embed at a time."""

    def __init__(
        self, pool: DbPool, embedders: Embedders, settings: KnowledgeSettings, *, round_seconds: float = ROUND_SECONDS
    ) -> None:
        self._pool = pool
        self._embedders = embedders
        self._settings = settings
        self._round_seconds = round_seconds
        self._rare_log = RareLog(_log, seconds=600)

    async def run(self) -> None:
        """A round now and then, until cancelled."""
        while True:
            try:
                await self.do_round()
            except (*DATABASE_ERRORS, EmbeddingFailed) as error:
                self._rare_log.warning("the knowledge is kept later", error=type(error).__name__)
            await asyncio.sleep(self._round_seconds)

    async def do_round(self) -> None:
        """Learn what is due, and embed what is not; raises EmbeddingFailed when a remote model cannot be asked."""
        if self._settings.learn_resolutions:
            learned = await learn_resolutions(self._pool, self._embedders, quiet_hours=self._settings.quiet_hours)
            if learned:
                _log.info("resolutions learned", resolutions=learned)
        async for model, coverage in fill_vectors(self._pool, self._embedders):
            if coverage.embedded < coverage.texts:
                _log.info("embedding", model=model, embedded=coverage.embedded, texts=coverage.texts)
