"""From the form's POST to a visible reply: one customer at a time, and fifty at once."""

import asyncio
import itertools
import statistics
from collections.abc import Callable, Iterator

import uvloop
from rich.progress import Progress

from benchmarks.customer import Exchange, ask
from benchmarks.desk import Site, run_api, run_worker
from benchmarks.questions import fill_form
from benchmarks.results import Row
from benchmarks.scale import Scale
from database.pool import connect

# A desk is idle when the traces of the last message are gone: its notifier's pause of 4 ms, its deliveries.
_PAUSE_SECONDS = 0.03
_READ_STAGES = """
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY (r.stages ->> 'queue')::float8) AS queue,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY (r.stages ->> 'resolve')::float8) AS resolve,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY (r.stages ->> 'agent')::float8) AS agent,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM o.sent_at - o.created_at) * 1000) AS deliver
  FROM agent_runs r JOIN outbox o ON o.conversation_id = r.conversation_id
"""


def measure_reply(site: Site, scale: Scale, progress: Progress) -> list[Row]:
    """Idle and busy, with one API process and one worker process."""
    numbers = itertools.count()
    with run_api(site) as (port, _process), run_worker(site, port):
        idle = uvloop.run(_ask_in_turn(port, scale, numbers, progress))
        stages = uvloop.run(_read_stages(site.url))
        busy, seconds = uvloop.run(_ask_at_once(port, scale, numbers, progress))
    return [
        *_summarise("reply_idle", idle, {"customers": 1, "pause_ms": _PAUSE_SECONDS * 1000}),
        Row("reply_idle_stage_accepted", statistics.median(e.accepted_ms for e in idle), "ms", {"seen by": "client"}),
        *(Row(f"reply_idle_stage_{name}", value, "ms", {"seen by": "desk"}) for name, value in stages.items()),
        *_summarise("reply_busy", busy, {"customers": scale.customers}),
        Row("reply_busy_throughput", len(busy) / seconds, "messages/s", {"workers": 1}),
    ]


async def _ask_in_turn(port: int, scale: Scale, numbers: Iterator[int], progress: Progress) -> list[Exchange]:
    task = progress.add_task("Replies, idle", total=scale.warm_up + scale.idle_messages)
    exchanges = []
    for _ in range(scale.warm_up + scale.idle_messages):
        exchanges.append(await ask(port, fill_form(next(numbers))))
        progress.advance(task)
        await asyncio.sleep(_PAUSE_SECONDS)
    return exchanges[scale.warm_up :]


async def _ask_at_once(
    port: int, scale: Scale, numbers: Iterator[int], progress: Progress
) -> tuple[list[Exchange], float]:
    total = scale.customers * scale.messages_per_customer
    task = progress.add_task(f"Replies, {scale.customers} customers", total=total)
    exchanges: list[Exchange] = []

    def keep(exchange: Exchange) -> None:
        exchanges.append(exchange)
        progress.advance(task)

    started = asyncio.get_running_loop().time()
    await asyncio.gather(
        *(_ask_repeatedly(port, scale.messages_per_customer, numbers, keep) for _ in range(scale.customers))
    )
    return exchanges, asyncio.get_running_loop().time() - started


async def _ask_repeatedly(port: int, times: int, numbers: Iterator[int], keep: Callable[[Exchange], None]) -> None:
    for _ in range(times):
        keep(await ask(port, fill_form(next(numbers))))


async def _read_stages(url: str) -> dict[str, float]:
    """Medians of what the desk itself recorded about the messages so far."""
    conn = await connect(url, application="benchmark")
    try:
        return dict(await conn.fetchrow(_READ_STAGES) or {})
    finally:
        await conn.close()


def _summarise(name: str, exchanges: list[Exchange], params: dict[str, object]) -> list[Row]:
    times = [exchange.reply_ms for exchange in exchanges]
    shown = {
        "messages": len(times),
        "answered": sum(exchange.is_answered for exchange in exchanges),
        "brain": "offline",
        **params,
    }
    return [
        Row(f"{name}_p50", statistics.median(times), "ms", shown),
        Row(f"{name}_p95", statistics.quantiles(times, n=20, method="inclusive")[-1], "ms", shown),
    ]
