"""What a worker does for the classifier beside the turns: train it where there is none, and take over a newer one."""

import asyncio

from agent.intents.serve import IntentReader
from core.logging import RareLog, get_logger

_log = get_logger(__name__)

ROUND_SECONDS = 60.0


class IntentKeeper:
    """Every worker runs one; a lock in the database lets one of them train."""

    def __init__(self, reader: IntentReader, *, round_seconds: float = ROUND_SECONDS) -> None:
        self._reader = reader
        self._round_seconds = round_seconds
        self._rare_log = RareLog(_log, seconds=600)

    async def run(self) -> None:
        """A round now and then, until cancelled."""
        while True:
            try:
                await self._reader.refresh()
                await self._reader.train_if_missing()
            except Exception as error:  # noqa: BLE001  # turns do without an intent; without a worker they end
                self._rare_log.warning("the classifier is kept later", error=type(error).__name__)
            await asyncio.sleep(self._round_seconds)
