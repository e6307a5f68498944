"""A circuit breaker: a model that keeps failing is left alone for a while, so that nobody waits for it in vain."""

import time
from collections.abc import Callable

from core.logging import get_logger

_log = get_logger(__name__)


class Breaker:
    """Closed while the model answers. Opens after so many failures in a row, and lets one try through after a pause.

    A try that never reports is followed by another after the same pause, so nobody has to take it back.
    """

    def __init__(
        self,
        *,
        max_failures: int = 5,
        pause_seconds: float = 30.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_failures = max_failures
        self._pause_seconds = pause_seconds
        self._monotonic = monotonic
        self._failures = 0
        self._next_try_at: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether the model is being left alone. May be read from any thread."""
        return self._next_try_at is not None

    def lets_through(self) -> bool:
        """Whether to ask the model now. While it is open, one caller per pause hears yes."""
        if self._next_try_at is None:
            return True
        now = self._monotonic()
        if now < self._next_try_at:
            return False
        self._next_try_at = now + self._pause_seconds
        return True

    def note_success(self) -> None:
        """The model answered: all is well again."""
        if self.is_open:
            _log.info("the model is back")
        self._failures, self._next_try_at = 0, None

    def note_failure(self, *, is_lasting: bool = False) -> None:
        """The model did not answer. A lasting failure, such as a refused key, opens the breaker at once."""
        self._failures += 1
        if not (is_lasting or self.is_open or self._failures >= self._max_failures):
            return
        if not self.is_open:
            _log.warning("the model is away, the offline brain answers until it is back", failures=self._failures)
        self._next_try_at = self._monotonic() + self._pause_seconds
