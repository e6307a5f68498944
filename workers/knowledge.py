"""What a worker does for the knowledge beside the turns: missing vectors, and resolutions to be learned."""

import asyncio

from agent.knowledge.embedder import Embedders
from agent.knowledge.ingest import tell_languages
from agent.knowledge.resolutions import learn_resolutions
from agent.knowledge.vectors import fill_vectors, forget_unused, is_caught_up, keep_alone
from core.logging import RareLog, get_logger
from core.settings import KnowledgeSettings
from database.pool import DbPool
from database.queries.vectors import VectorKey

_log = get_logger(__name__)

ROUND_SECONDS = 60.0


class KnowledgeKeeper:
    """Every worker runs one; a lock in the database lets one of them work at a time."""

    def __init__(
        self,
        url: str,
        pool: DbPool,
        embedders: Embedders,
        settings: KnowledgeSettings,
        *,
        round_seconds: float = ROUND_SECONDS,
    ) -> None:
        self._url = url
        self._pool = pool
        self._embedders = embedders
        self._settings = settings
        self._round_seconds = round_seconds
        self._rare_log = RareLog(_log, seconds=600)
        self._has_filled = False
        self._looked_at = VectorKey()

    async def run(self) -> None:
        """A round now and then, until cancelled."""
        while True:
            try:
                await self.do_round()
            except Exception as error:  # noqa: BLE001  # it would stop the worker, and with it every turn
                self._rare_log.warning("the knowledge is kept later", error=type(error).__name__)
            await asyncio.sleep(self._round_seconds)

    async def do_round(self) -> None:
        """Everything once, unless another worker is at it. What fails is left for the next round."""
        work = {
            "languages are told later": self._tell_languages,
            "answers are learned later": self._learn,
            "texts are embedded later": self._fill,
            "vectors are forgotten later": self._forget,
        }
        async with keep_alone(self._url) as is_alone:
            if not is_alone:
                return
            for event, do in work.items():
                try:
                    await do()
                except Exception as error:  # noqa: BLE001  # the others may still succeed
                    self._rare_log.warning(event, error=type(error).__name__)

    async def _tell_languages(self) -> None:
        if told := await tell_languages(self._pool):
            _log.info("languages of articles told", revisions=told)

    async def _learn(self) -> None:
        if not self._settings.learn_resolutions:
            return
        if learned := await learn_resolutions(self._pool, self._embedders, quiet_hours=self._settings.quiet_hours):
            _log.info("resolutions learned", resolutions=learned)

    async def _fill(self) -> None:
        # Once for certain: somebody may have deleted vectors by hand.
        if self._has_filled and await is_caught_up(self._pool, self._embedders):
            return
        async for model, coverage in fill_vectors(self._pool, self._embedders):
            if coverage.embedded < coverage.texts:
                _log.info("embedding", model=model, embedded=coverage.embedded, texts=coverage.texts)
        self._has_filled = True

    async def _forget(self) -> None:
        self._looked_at = await forget_unused(self._pool, self._looked_at)
