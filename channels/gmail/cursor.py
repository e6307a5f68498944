"""Where we are in a mailbox's history, and when we last stood at its end."""

from dataclasses import dataclass
from datetime import datetime, timedelta

# Gmail keeps history "at least a week", sometimes for hours only: a cursor that is not renewed for long is lost.
_RENEWED_AFTER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class HistoryCursor:
    """A history id, and the time at which it was taken; None where nobody wrote it down.

    Stored as `12345@2026-11-21T12:00:00+00:00`, or as the id alone.
    """

    history_id: str
    taken_at: datetime | None = None

    @classmethod
    def read(cls, text: str) -> "HistoryCursor":
        """The stored cursor. Whether its id means anything is for Gmail to say."""
        history_id, _, taken_at = text.partition("@")
        return cls(history_id, _read_moment(taken_at))

    def __str__(self) -> str:
        return f"{self.history_id}@{self.taken_at.isoformat()}" if self.taken_at else self.history_id

    def is_due(self, now: datetime) -> bool:
        """Whether it is so old that Gmail may soon not know it any more."""
        return self.taken_at is not None and now - self.taken_at > _RENEWED_AFTER


def _read_moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None
