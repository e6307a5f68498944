"""The figures of channels: what SQL says from rows and sums is what plain counting says, whenever sums were made."""

import asyncio
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from database.pool import DbConnection, connect
from database.queries.channel_metrics import (
    DAY,
    HOUR,
    Window,
    count_next_hours,
    read_desk,
    read_figures,
    recount_hours,
    round_down,
)
from database.types import Channel
from tests.database.histories import History, Ticket, Turn

CHANNELS = get_args(Channel)
EXAMPLES = int(os.environ.get("METRICS_EXAMPLES", "40"))
MINUTES = st.integers(0, 3 * 24 * 60)
ACTIONS = st.tuples(
    st.sampled_from(
        ["open", "open", "write", "reply", "send", "send", "fail", "move", "turn", "rate", "count", "recount"]
    ),
    st.integers(0, 9),  # which ticket, which of its replies, how many hours
    MINUTES,
    st.integers(1, 4 * 10**6),
)


async def read_now(conn: DbConnection) -> datetime:
    now: datetime = await conn.fetchval("SELECT now()")
    return now


def list_windows(now: datetime) -> list[Window]:
    """The periods that the dashboard offers, and one of whole days."""
    end = round_down(now, HOUR) + HOUR
    five = timedelta(minutes=5)
    soon = round_down(now, five) + five
    midnight = round_down(now, DAY)
    return [
        Window(soon - HOUR, soon, five),
        Window(end - DAY, end, HOUR),
        Window(end - 3 * DAY, end, 6 * HOUR),
        Window(midnight - DAY, midnight, DAY),
        Window(end - 7 * DAY, end, DAY),
    ]


async def act(history: History, action: tuple[str, int, int, int], now: datetime) -> None:
    """One thing becomes known, or sums are made."""
    what, which, minutes, number = action
    at = now - timedelta(minutes=minutes)
    if what == "open" or not history.tickets:
        await history.open(CHANNELS[which % len(CHANNELS)], at)
        return
    ticket = history.tickets[which % len(history.tickets)]
    reply = ticket.replies[number % len(ticket.replies)] if ticket.replies else None
    if what == "write":
        await history.write(ticket, at)
    elif what == "reply" or (reply is None and what in {"send", "fail"}):
        await history.reply(ticket, ("assistant", "person", "system")[number % 3], at)
    elif what == "send" and reply is not None:
        await history.send(reply, reply.sent_at or at)
    elif what == "fail" and reply is not None:
        await history.fail(reply)
    elif what == "move":
        await history.move(ticket, ("open", "auto_resolved", "escalated", "closed")[number % 4])
    elif what == "turn":
        cost = None if number % 3 == 0 else (number % 100 + 1) / 1000
        await history.take_turn(ticket, Turn(at, number % 60_000, number % 5 / 4 - 0.5, number % 900, cost))
    elif what == "rate":
        await history.rate(ticket, 1 + number % 5, at)
    elif what == "count":
        await count_next_hours(history.conn, max_hours=1 + 4 * which)
    else:
        await recount_hours(history.conn, max_hours=1 + which)


async def compare(history: History, window: Window) -> None:
    """Every figure of every channel, of the period before, and of every bucket."""
    found = {
        (row.pop("is_now"), row.pop("channel"), row.pop("at")): row
        for row in await read_figures(history.conn, window, CHANNELS)
    }
    for channel in (None, *CHANNELS):
        spans: dict[tuple[bool, datetime | None], tuple[datetime, datetime]] = {
            (True, None): (window.starts_at, window.ends_at),
            (False, None): (window.previous_at, window.starts_at),
        }
        for begin in window.list_buckets():
            spans[True, begin] = (max(begin, window.starts_at), min(begin + window.bucket, window.ends_at))
        for (is_now, at), (starts_at, ends_at) in spans.items():
            expected = history.count(channel, starts_at, ends_at)
            figures = found.pop((is_now, channel, at), None)
            if figures is None:
                assert not any(expected.values())
            else:
                agree(figures, expected)
    assert not found


def agree(figures: dict[str, Any], expected: dict[str, Any]) -> None:
    """Counts are equal, and percentiles are as near as their histograms let them be."""
    assert figures.keys() == expected.keys()
    for name, value in expected.items():
        if name.endswith("_seconds") and value is not None:
            unit = 0.1 if name.startswith("first_reply") else 0.001
            assert abs(figures[name] - value) <= max(0.05 * value, 1.1 * unit), name
        else:
            assert figures[name] == (value if value is None else pytest.approx(value, abs=1e-6)), name


async def sum_up(conn: DbConnection) -> None:
    """Everything that can be summed up, and what became known since."""
    while await count_next_hours(conn, max_hours=100):
        pass
    while await recount_hours(conn, max_hours=100):
        pass


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """Hypothesis calls its examples synchronously, so they bring a loop of their own."""
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


def test_whatever_becomes_known_whenever_and_summed_up_or_not_sql_and_plain_counting_agree(
    loop: asyncio.AbstractEventLoop, database_url: str
) -> None:
    conn = loop.run_until_complete(connect(database_url, application="test"))

    async def replay_and_undo(actions: list[tuple[str, int, int, int]], period: int) -> None:
        transaction = conn.transaction()
        await transaction.start()
        try:
            history, now = History(conn), await read_now(conn)
            for action in actions:
                await act(history, action, now)
            while await recount_hours(conn, max_hours=5):
                pass
            await compare(history, list_windows(now)[period])
        finally:
            await transaction.rollback()

    @settings(max_examples=EXAMPLES, database=None, suppress_health_check=list(HealthCheck))
    @given(actions=st.lists(ACTIONS, min_size=5, max_size=30), period=st.integers(0, 4))
    def check(actions: list[tuple[str, int, int, int]], period: int) -> None:
        loop.run_until_complete(replay_and_undo(actions, period))

    try:
        check()
    finally:
        loop.run_until_complete(conn.close())


async def tell_story(conn: DbConnection, at: datetime) -> tuple[History, Ticket]:
    """A ticket that was answered an hour later, rated and summed up."""
    history = History(conn)
    ticket = await history.open("web", at)
    await history.send(await history.reply(ticket, "assistant", at + HOUR), at + HOUR)
    await history.take_turn(ticket, Turn(at, 1500, 0.5, 100, 0.25))
    await history.move(ticket, "auto_resolved")
    await history.rate(ticket, 5, at + HOUR)
    await sum_up(conn)
    return history, ticket


async def test_deleted_rows_leave_their_figures_behind(conn: DbConnection) -> None:
    now = await read_now(conn)
    history, ticket = await tell_story(conn, now - 30 * HOUR)
    await history.open("gmail", now - 30 * HOUR)
    await sum_up(conn)
    await conn.execute("DELETE FROM conversations WHERE id = $1", ticket.id)
    # A late fact of an hour that lost rows does not make it forget them.
    await history.move(history.tickets[1], "escalated")
    await sum_up(conn)
    history.tickets[1].is_handed_over = False
    await compare(history, list_windows(now)[2])


async def test_what_the_desk_asks_itself_counts_nowhere(conn: DbConnection) -> None:
    now = await read_now(conn)
    history = History(conn)
    await history.open("web", now - 30 * HOUR, inbox="probe")
    await history.open("web", now, inbox="probe")
    await sum_up(conn)
    assert await read_figures(conn, list_windows(now)[2], CHANNELS) == []
    tickets, _, waiting = await read_desk(conn, starts_at=None, ends_at=None, now=now)
    assert (tickets, waiting["open"]) == ([], 0)


async def test_an_empty_desk_has_nothing_to_sum_up(conn: DbConnection) -> None:
    assert await count_next_hours(conn, max_hours=100) == 0
    assert await recount_hours(conn, max_hours=100) == 0
    assert await read_figures(conn, list_windows(await read_now(conn))[1], CHANNELS) == []


async def test_an_hour_is_summed_up_once_it_has_been_over_for_an_hour(conn: DbConnection) -> None:
    now = await read_now(conn)
    await History(conn).open("web", now - 10 * HOUR)
    assert await count_next_hours(conn, max_hours=4) == 4
    assert await count_next_hours(conn, max_hours=100) == 5
    assert await count_next_hours(conn, max_hours=100) == 0
    horizon = await conn.fetchval("SELECT hour FROM channel_figures_horizon")
    assert horizon == round_down(now, HOUR) - HOUR


async def test_a_late_fact_has_its_hour_counted_again_and_no_other(conn: DbConnection) -> None:
    at = await read_now(conn) - 30 * HOUR
    history, ticket = await tell_story(conn, at)
    await history.fail(ticket.replies[0])
    await history.rate(ticket, 1, at + 3 * HOUR)
    await history.write(ticket, at - HOUR)
    await history.move(ticket, "escalated")
    # The hour of the ticket, of its reply and first rating, of the second rating, and of the message that came late.
    assert await recount_hours(conn, max_hours=100) == 4
    assert await recount_hours(conn, max_hours=100) == 0
    await compare(history, list_windows(await read_now(conn))[2])


async def test_what_happens_within_its_hour_leaves_no_mark(conn: DbConnection) -> None:
    history = History(conn)
    now: datetime = await conn.fetchval("SELECT clock_timestamp()")
    ticket = await history.open("web", now)
    await history.take_turn(ticket, Turn(now, 10, 0, 1, None))
    reply = await history.reply(ticket, "assistant", now)
    await history.send(reply, now)
    await history.fail(reply)
    await history.move(ticket, "auto_resolved")
    later: datetime = await conn.fetchval("SELECT clock_timestamp()")
    marks = await conn.fetchval("SELECT count(*) FROM channel_figures_stale")
    assert marks == 0 or round_down(later, HOUR) > round_down(now, HOUR)


async def test_the_desk_in_all(conn: DbConnection) -> None:
    now = await read_now(conn)
    history = History(conn)
    for status in ("open", "auto_resolved", "auto_resolved", "escalated", "closed"):
        await history.move(await history.open("web", now - DAY), status)
    reopened = await history.open("web", now - 3 * DAY)
    for status in ("closed", "open"):
        await history.move(reopened, status)
    for rating, at in ((1, 3), (5, 2)):
        await history.rate(reopened, rating, now - at * HOUR)
    await history.rate(history.tickets[1], 2, now - 2 * DAY)
    await history.reply(history.tickets[0], "person", now)
    tickets, ratings, waiting = await read_desk(conn, starts_at=None, ends_at=None, now=now)
    assert {row["status"]: row["tickets"] for row in tickets} == {
        "open": 2,
        "auto_resolved": 2,
        "escalated": 1,
        "closed": 1,
    }
    assert [sum(row[name] for row in tickets) for name in ("automatic", "escalated", "reopened")] == [3, 1, 1]
    assert ratings == {"count": 2, "average": 3.5, "resolved_share": 1.0}
    assert waiting == {"open": 2, "escalated": 1, "overdue": 2}
    tickets, ratings, waiting = await read_desk(conn, starts_at=now - 2 * DAY, ends_at=now, now=now)
    assert sum(row["tickets"] for row in tickets) == 5
    assert waiting == {"open": 2, "escalated": 1, "overdue": 2}


@pytest.mark.parametrize(
    ("at", "width", "begin"),
    [
        (datetime(2026, 11, 21, 9, 59, 59, 999999, tzinfo=UTC), HOUR, datetime(2026, 11, 21, 9, tzinfo=UTC)),
        (datetime(2026, 11, 21, 23, tzinfo=UTC), DAY, datetime(2026, 11, 21, tzinfo=UTC)),
        (datetime(2026, 11, 22, 23, tzinfo=UTC), 7 * DAY, datetime(2026, 11, 16, tzinfo=UTC)),
    ],
)
async def test_buckets_begin_alike_here_and_in_the_database(
    conn: DbConnection, at: datetime, width: timedelta, begin: datetime
) -> None:
    assert round_down(at, width) == begin
    assert await conn.fetchval("SELECT date_bin($1, $2, '2000-01-03 00:00+00')", width, at) == begin
