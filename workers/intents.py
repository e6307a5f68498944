"""What a worker does for the classifier beside the turns: train it, take over a newer one, and learn once a day."""

import asyncio
from datetime import timedelta

from agent.intents.learn import learn
from agent.intents.serve import IntentReader
from agent.knowledge.embedder import Embedder
from core.logging import RareLog, get_logger
from database.pool import DbPool

_log = get_logger(__name__)

ROUND_SECONDS = 60.0
ROUNDS_PER_LEARNING = 60  # it is asked for so often, and due once a day
LEARNING_AGE = timedelta(days=1)


class IntentKeeper:
    """Every worker runs one; a lock in the database lets one of them train, and its record one of them a day learn."""

    def __init__(
        self,
        pool: DbPool,
        reader: IntentReader,
        embedder: Embedder | None,
        *,
        round_seconds: float = ROUND_SECONDS,
        rounds_per_learning: int = ROUNDS_PER_LEARNING,
    ) -> None:
        """`embedder` is that of `reader`."""
        self._pool = pool
        self._reader = reader
        self._embedder = embedder
        self._round_seconds = round_seconds
        self._rounds_per_learning = rounds_per_learning
        self._rounds = 0
        self._rare_log = RareLog(_log, seconds=600)

    async def run(self) -> None:
        """A round now and then, until cancelled."""
        while True:
            try:
                await self.do_round()
            except Exception as error:  # noqa: BLE001  # turns do without an intent; without a worker they end
                self._rare_log.warning("the classifier is kept later", error=type(error).__name__)
            await asyncio.sleep(self._round_seconds)

    async def do_round(self) -> None:
        """Be up to date and, now and then, learn from what has become of tickets and answers."""
        await self._reader.refresh()
        await self._reader.train_if_missing()
        self._rounds += 1
        if (self._rounds - 1) % self._rounds_per_learning:
            return
        learned = await learn(self._pool, self._reader, self._embedder, least_age=LEARNING_AGE)
        if learned is not None and learned.comparison is not None:
            _log.info(
                "learned from tickets",
                tickets=learned.tickets,
                is_better=learned.comparison.is_won,
                thresholds=len(learned.thresholds),
            )
