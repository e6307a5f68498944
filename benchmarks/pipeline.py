"""CPU that one message costs the worker, from claim to delivery, beyond the loop of the SDK."""

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
import uvloop
from rich.progress import Progress

from agent.assemble import build_agent
from agent.knowledge.embedder import Embedder, Embedders
from agent.knowledge.load import load_embedder
from agent.run import SupportAgent
from benchmarks.desk import Site
from benchmarks.questions import fill_form
from benchmarks.results import Row
from benchmarks.scale import Scale
from benchmarks.sdk_loop import MODEL_TURNS, TOOL_CALLS, measure_sdk_loop
from channels.web.parse import parse_submission
from core.background import run_in_background
from core.settings import EmbeddingSettings
from database import queue
from database.notify import Notifier
from database.pool import DbPool, open_pool
from database.types import TicketRequest
from workers.worker import Worker

_INBOX = "benchmark"
_FIRST_NUMBER = 1_000_000  # questions that no other measure has asked
_LOOK_SECONDS = 0.1


class MeteredEmbedder:
    """An embedder that adds up its CPU time. With one thread, which is the default, all of it is its caller's."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._seconds: list[float] = []

    @property
    def name(self) -> str:
        """The model's own name."""
        return self._embedder.name

    @property
    def seconds(self) -> float:
        """CPU time of all calls so far."""
        return sum(self._seconds)

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Embed by the clock of this thread."""
        started = time.thread_time()
        vectors = self._embedder.embed(texts)
        self._seconds.append(time.thread_time() - started)
        return vectors


def measure_pipeline(site: Site, scale: Scale, progress: Progress) -> list[Row]:
    """The worker's whole path against the empty loop, both in this process, one after the other."""
    return uvloop.run(_measure(site, scale, progress))


async def _measure(site: Site, scale: Scale, progress: Progress) -> list[Row]:
    total = scale.warm_up + scale.pipeline_messages
    task = progress.add_task("Pipeline CPU", total=total)

    def show(sent: int) -> None:
        progress.update(task, completed=sent)

    embedder = await asyncio.to_thread(load_embedder, EmbeddingSettings())
    metered = MeteredEmbedder(embedder) if embedder else None
    async with open_pool(site.url, application="benchmark", max_size=site.settings.database.pool_size) as pool:
        agent = await build_agent(site.settings, pool, Embedders(metered))
        await _work_through(site, pool, agent, range(scale.warm_up), show)
        embedded = metered.seconds if metered else 0.0
        total_ms = await _work_through(site, pool, agent, range(scale.warm_up, total), show)
    embedding_ms = (metered.seconds - embedded) * 1000 / scale.pipeline_messages if metered else 0.0
    sdk_ms = await measure_sdk_loop(scale.sdk_runs, scale.warm_up)
    messages = {"messages": scale.pipeline_messages}
    return [
        Row("pipeline_cpu", total_ms, "ms/message", {**messages, "concurrency": site.settings.worker.concurrency}),
        Row("sdk_loop_cpu", sdk_ms, "ms/run", {"model turns": MODEL_TURNS, "tool calls": TOOL_CALLS}),
        Row("pipeline_cpu_beyond_sdk", total_ms - sdk_ms, "ms/message", messages),
        Row(
            "pipeline_cpu_embedding",
            embedding_ms,
            "ms/message",
            {**messages, "model": metered.name if metered else "none"},
        ),
        Row("pipeline_cpu_rest", total_ms - sdk_ms - embedding_ms, "ms/message", messages),
    ]


async def _work_through(
    site: Site, pool: DbPool, agent: SupportAgent, numbers: range, show: Callable[[int], None]
) -> float:
    """Queue these messages, then let a worker settle and deliver them; CPU milliseconds per message."""
    for number in numbers:
        await _publish(pool, number)
    stop, notifier = asyncio.Event(), Notifier(site.url)
    worker = Worker(site.settings, site.url, pool, agent, notifier)
    started = time.process_time()
    async with run_in_background(notifier.run()):
        working = asyncio.create_task(worker.run(stop))
        while (sent := await _count_sent(pool)) < numbers.stop:
            show(sent)
            await asyncio.sleep(_LOOK_SECONDS)
        cpu_seconds = time.process_time() - started
        stop.set()
        await working
    show(sent)
    return cpu_seconds * 1000 / len(numbers)


async def _publish(pool: DbPool, number: int) -> None:
    form = fill_form(_FIRST_NUMBER + number)
    ref = f"BENCH-{number}"
    due = datetime.now(UTC) + timedelta(hours=1)
    request = TicketRequest.model_validate({**form, "ref": ref, "first_reply_due": due})
    inbound = parse_submission(
        name=form["name"], email=form["email"], message=form["message"], ticket=request, external_id=ref, inbox=_INBOX
    )
    async with pool.acquire() as conn:
        await queue.publish(conn, inbound)


async def _count_sent(pool: DbPool) -> int:
    async with pool.acquire() as conn:
        sent: int = await conn.fetchval(
            "SELECT count(*) FROM outbox WHERE channel = 'web' AND inbox = $1 AND state = 'sent'", _INBOX
        )
        return sent
