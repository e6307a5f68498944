"""What the pages of staff ask of a desk with a million messages: figures of channels, lists of tickets, searches."""

import asyncio
import os
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from rich.console import Console

from api.routes.metrics import PERIODS, choose_window
from benchmarks.desk import Site, open_site, run_api
from benchmarks.history import DAYS, write_history
from benchmarks.http import build_get, read_response
from benchmarks.processes import BenchmarkError
from benchmarks.results import RESULTS_FILE, Row, describe_machine, print_results, write_results
from core.clock import read_system_clock
from database.pool import Conn, DbPool, connect, open_pool
from database.queries.api_keys import add_api_key, make_key
from database.queries.channel_metrics import Window, count_next_hours, read_figures
from database.types import Channel

METRICS_FILE = RESULTS_FILE.with_name("channel-metrics.json")
_CHANNELS: list[Channel] = ["gmail", "mailbox", "web", "whatsapp"]
_HOURS_PER_BATCH = 24
# Among them the worst that a search can meet: a word that every conversation has.
_LISTS = {
    "newest": "/tickets",
    "waiting": "/tickets?sort=waiting&status=escalated",
    "counts": "/tickets/counts",
    "one_word": "/tickets?q=order-4711",
    "phrase": "/tickets?q=%22order-4711+is+late%22",
    "word_of_all": "/tickets?q=export",
}


@dataclass(frozen=True, slots=True)
class _Scale:
    """How large the desk is, and how often it is asked: for what was summed up, and for what is counted from rows."""

    messages: int
    reads: int
    recounts: int


_FULL = _Scale(messages=1_000_000, reads=100, recounts=3)
_QUICK = _Scale(messages=100_000, reads=30, recounts=2)


def run_metrics_benchmark(console: Console, *, is_quick: bool) -> None:
    """Measure, print and write. A missed goal only shows."""
    scale = _QUICK if is_quick else _FULL
    load = os.getloadavg()[0]
    console.print(f"Writing {DAYS} days with {scale.messages:,} messages into a database of its own …")
    with open_site(with_knowledge=False) as site:
        machine = describe_machine(site.postgres, load)
        rows = asyncio.run(_measure_statements(site, scale))
        rows += _measure_route(site, scale)
    print_results(console, machine, rows)
    written = write_results(machine, rows, is_quick=is_quick, file=METRICS_FILE)
    console.print(f"Written to {written}", highlight=False)


async def _measure_statements(site: Site, scale: _Scale) -> list[Row]:
    await write_history(site.url, scale.messages)
    async with open_pool(site.url, application="benchmark", max_size=2, statement_timeout_seconds=300) as pool:
        rows = await _sum_up(pool, scale)
        async with pool.acquire() as conn:
            round_trip = statistics.median(await _time(lambda: conn.fetchval("SELECT 1"), scale.reads))
            for period, (length, bucket) in PERIODS.items():
                window = choose_window(length, bucket, read_system_clock())
                rows += await _measure_period(conn, period, window, scale, round_trip)
    return rows


async def _sum_up(pool: DbPool, scale: _Scale) -> list[Row]:
    """What the elected worker does once after an import, and hour by hour otherwise."""
    hours = 0
    started = time.perf_counter()
    while True:
        async with pool.acquire() as conn, conn.transaction():
            counted = await count_next_hours(conn, max_hours=_HOURS_PER_BATCH)
        hours += counted
        if counted < _HOURS_PER_BATCH:
            break
    seconds = time.perf_counter() - started
    async with pool.acquire() as conn:
        await conn.execute("VACUUM ANALYZE channel_figures")
        sums = await conn.fetchval("SELECT count(*) FROM channel_figures")
    how = {"messages": scale.messages, "hours": hours, "rows": sums}
    return [
        Row("metrics_sum_up_hour", seconds / hours * 1000, "ms", how),
        Row("metrics_sum_up_rate", scale.messages / seconds, "messages/s", how),
    ]


async def _measure_period(conn: Conn, period: str, window: Window, scale: _Scale, round_trip: float) -> list[Row]:
    """With the period before it, for each channel and in all, and by bucket."""
    times = await _time(lambda: read_figures(conn, window, _CHANNELS), scale.reads)
    median, p95 = statistics.median(times), statistics.quantiles(times, n=20, method="inclusive")[-1]
    from_rows = await _time_rows(conn, window, scale.recounts)
    how = {"reads": len(times), "messages": scale.messages}
    return [
        Row(f"metrics_{period}_p50", median, "ms", how),
        Row(f"metrics_{period}_p95", p95, "ms", how),
        Row(f"metrics_{period}_of_rows", median / from_rows, "", {"from rows alone": f"{from_rows:.1f} ms"}),
        Row(f"metrics_{period}_of_select_1", median / round_trip, "", {"SELECT 1": f"{round_trip:.2f} ms"}),
    ]


async def _time_rows(conn: Conn, window: Window, count: int) -> float:
    """The same figures as if nothing had ever been summed up."""
    transaction = conn.transaction()
    await transaction.start()
    try:
        await conn.execute("UPDATE channel_figures_horizon SET hour = NULL")
        return statistics.median(await _time(lambda: read_figures(conn, window, _CHANNELS), count))
    finally:
        await transaction.rollback()


async def _time(do: Callable[[], Awaitable[object]], count: int) -> list[float]:
    """Milliseconds of each, after one that does not count."""
    await do()
    times = []
    for _ in range(count):
        started = time.perf_counter()
        await do()
        times.append((time.perf_counter() - started) * 1000)
    return times


def _measure_route(site: Site, scale: _Scale) -> list[Row]:
    """The whole way: a request to an API process, until its answer has been read."""
    key = make_key()
    asyncio.run(_add_key(site, key))
    rows: list[Row] = []
    with run_api(site) as (port, _process):
        for period in PERIODS:
            rows += _measure_get(port, f"metrics_get_{period}", f"/metrics/channels?period={period}", key, scale)
        for name, path in _LISTS.items():
            rows += _measure_get(port, f"tickets_get_{name}", path, key, scale)
    return rows


def _measure_get(port: int, name: str, path: str, key: str, scale: _Scale) -> list[Row]:
    times = asyncio.run(_ask(port, path, key, scale.reads))
    how = {"requests": len(times), "messages": scale.messages}
    p95 = statistics.quantiles(times, n=20, method="inclusive")[-1]
    return [Row(f"{name}_p50", statistics.median(times), "ms", how), Row(f"{name}_p95", p95, "ms", how)]


async def _add_key(site: Site, key: str) -> None:
    conn = await connect(site.url, application="nightdesk benchmark")
    try:
        await add_api_key(conn, "benchmark", key, ["metrics:read", "tickets:read"])
    finally:
        await conn.close()


async def _ask(port: int, path: str, key: str, count: int) -> list[float]:
    """On one connection, one after the other."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**22)
    request = build_get(path, key)

    async def ask() -> None:
        writer.write(request)
        status, _body = await read_response(reader)
        if status != 200:
            raise BenchmarkError(f"{path} was answered with {status}")

    try:
        return await _time(ask, count)
    finally:
        writer.close()
