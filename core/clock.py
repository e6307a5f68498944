"""Time as an argument: everything that needs the time of day receives a Clock."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def read_system_clock() -> datetime:
    """The current time, aware, in UTC."""
    return datetime.now(UTC)
