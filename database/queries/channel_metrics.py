"""The figures of channels: rows where they are fresh, sums of whole hours and days where they are not.

What counts, and in which hour, stands in the view `channel_facts` and nowhere else. Counting functions are called
inside a transaction; they lock the horizon, so that one counts at a time. What becomes known of an hour that was
counted marks it, and it is counted again.
"""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any, Literal

from database.pool import Conn
from database.statements import load_statements
from database.types import Channel

_SQL = load_statements("channel_metrics")

Width = Literal["hour", "day"]

_EVER = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC))
_GROWTH = 1.1  # as in latency_bucket
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
_A_MONDAY = datetime(2000, 1, 3, tzinfo=UTC)  # where buckets count from, in the statement as well


@dataclass(frozen=True, slots=True)
class Window:
    """A period in buckets, with the one of the same length before it. Whole hours, or buckets of minutes."""

    starts_at: datetime
    ends_at: datetime
    bucket: timedelta

    @property
    def previous_at(self) -> datetime:
        """Where the period before begins."""
        return self.starts_at - (self.ends_at - self.starts_at)

    def list_buckets(self) -> Iterator[datetime]:
        """Where each bucket begins, in UTC; the first may begin before the period."""
        at = round_down(self.starts_at, self.bucket)
        while at < self.ends_at:
            yield at
            at += self.bucket


class Histogram:
    """Latencies in buckets, each of which ends a tenth above where it begins; `unit` is in seconds."""

    def __init__(self, counts: Sequence[float] | None, *, unit: float) -> None:
        self._up_to = list(accumulate(counts or ()))
        self._unit = unit

    @property
    def count(self) -> int:
        """How many latencies there are."""
        return round(self._up_to[-1]) if self._up_to else 0

    def find_percentile(self, share: float) -> float | None:
        """The middle, in seconds, of the bucket in which this share of the latencies is reached; None without any.

        At most 4.8 % off, or by a unit where that is more.
        """
        if not self._up_to:
            return None
        bucket = bisect_left(self._up_to, share * self._up_to[-1])
        return self._unit * _GROWTH**bucket * 2 / (1 + 1 / _GROWTH)


def round_down(at: datetime, width: timedelta) -> datetime:
    """The beginning of the minutes, hours, day or week that `at` lies in, in UTC."""
    return _A_MONDAY + (at - _A_MONDAY) // width * width


async def read_figures(conn: Conn, window: Window, channels: Collection[Channel]) -> list[dict[str, Any]]:
    """For the period (`is_now`) and the one before: figures in all (`channel` is None) and by channel.

    For the period also by bucket (`at`, else None). What had no facts is left out.
    """
    row = await _SQL["find_horizon"].fetch_row(conn)
    horizon = row["hour"] if row else None
    is_by_the_hour = window.bucket >= HOUR
    counted = max(window.previous_at, min(horizon or window.previous_at, window.ends_at))
    rows_from = counted if is_by_the_hour else window.previous_at
    sums = [
        *_list_sums(window.previous_at, min(window.starts_at, rows_from), with_days=True),
        *_list_sums(window.starts_at, rows_from, with_days=window.bucket >= DAY),
    ]
    rows = await _SQL["read_figures"].fetch(
        conn,
        widths=[width for width, _ in sums],
        times=[at for _, at in sums],
        row_seconds=_to_seconds(min(window.bucket, HOUR)),
        rows_from=rows_from,
        rows_until=window.ends_at,
        middle=window.starts_at,
        bucket_seconds=_to_seconds(window.bucket),
        channels=list(channels),
    )
    return [_describe(dict(row)) for row in rows]


async def read_desk(
    conn: Conn, *, starts_at: datetime | None, ends_at: datetime | None, now: datetime
) -> tuple[list[dict[str, Any]], dict[str, Any], dict[str, Any]]:
    """Tickets by status, the average of the ratings, and what waits now; without times, of all time."""
    span = {"starts_at": starts_at or _EVER[0], "ends_at": ends_at or _EVER[1]}
    tickets = await _SQL["count_tickets"].fetch(conn, **span)
    [ratings] = await _SQL["average_ratings"].fetch(conn, **span)
    [waiting] = await _SQL["count_waiting"].fetch(conn, now=now)
    return [dict(row) for row in tickets], dict(ratings), dict(waiting)


async def count_next_hours(conn: Conn, *, max_hours: int) -> int:
    """Count the oldest hours that are over and not counted yet. Returns how many there were."""
    [(horizon, possible)] = await _SQL["lock_horizon"].fetch(conn)
    starts_at = horizon or await _SQL["find_first"].fetch_value(conn) or possible
    ends_at = max(starts_at, min(starts_at + max_hours * HOUR, possible))
    if starts_at < ends_at:
        await _count(conn, starts_at, ends_at)
        await _count_days(conn, [starts_at + n * HOUR for n in range((ends_at - starts_at) // HOUR)])
    if ends_at != horizon:
        await _SQL["move_horizon"].execute(conn, hour=ends_at)
    return int((ends_at - starts_at) / HOUR)


async def recount_hours(conn: Conn, *, max_hours: int) -> int:
    """Count hours again about which something became known since. Returns how many there were.

    Hours that lost rows to a retention or an erasure keep the figures they had.
    """
    await _SQL["lock_horizon"].fetch(conn)
    hours = [row["hour"] for row in await _SQL["take_stale"].fetch(conn, max_hours=max_hours)]
    for hour in hours:
        await _count(conn, hour, hour + HOUR)
    await _count_days(conn, hours)
    return len(hours)


async def _count(conn: Conn, starts_at: datetime, ends_at: datetime) -> None:
    await _SQL["forget_hours"].execute(conn, starts_at=starts_at, ends_at=ends_at)
    await _SQL["count_hours"].execute(conn, starts_at=starts_at, ends_at=ends_at)


async def _count_days(conn: Conn, hours: Iterable[datetime]) -> None:
    days = sorted({round_down(hour, DAY) for hour in hours})
    await _SQL["forget_days"].execute(conn, days=days)
    await _SQL["count_days"].execute(conn, hours=[day + n * HOUR for day in days for n in range(24)])


def _describe(row: dict[str, Any]) -> dict[str, Any]:
    """Latencies as a count and two percentiles, in place of their histograms."""
    replies, turns = Histogram(row.pop("first_replies"), unit=0.1), Histogram(row.pop("agent_turns"), unit=0.001)
    return {
        **row,
        "first_replies": replies.count,
        "first_reply_p50_seconds": replies.find_percentile(0.5),
        "first_reply_p95_seconds": replies.find_percentile(0.95),
        "agent_turns": turns.count,
        "agent_p50_seconds": turns.find_percentile(0.5),
        "agent_p95_seconds": turns.find_percentile(0.95),
    }


def _to_seconds(length: timedelta) -> int:
    return round(length.total_seconds())


def _list_sums(starts_at: datetime, ends_at: datetime, *, with_days: bool) -> Iterator[tuple[Width, datetime]]:
    """The fewest sums that make up a time: whole days where they may be used, and hours around them."""
    at = starts_at
    while at < ends_at:
        is_day = with_days and at == round_down(at, DAY) and at + DAY <= ends_at
        yield ("day", at) if is_day else ("hour", at)
        at += DAY if is_day else HOUR
