"""What a forked process does: the real worker with a stub for its agent, or a publisher that never commits."""

import asyncio
import os
import random
import signal
import time
from dataclasses import replace

import uvicorn

from agent.context import Turn
from agent.run import TurnResult
from api.main import create_app
from channels.base import Channels, Receipt
from channels.mail.write import MailWriter
from channels.registry import build_channels
from core.background import run_in_background
from core.settings import AgentSettings, Settings, WorkerSettings, load_settings
from database import queue
from database.notify import WAKE_CHANNEL, Notifier, listen
from database.pool import DbPool, connect, open_pool
from database.types import InboundMessage, OutboundMessage
from tests.chaos.orders import POISON, POISONED, PUBLISHED, THINKING, Fate, Journal, Order
from tests.workers.stubs import StubAgent, build_answer
from workers import commit
from workers.worker import Worker

HANDED_OVER = "handed over"
THOUGHT_ABOUT = "thought about"
BORN = "born"
CANCELLED = "cancelled"


async def live(order: Order) -> None:
    """Do as ordered until SIGTERM."""
    commit.MAX_SUPERSEDED = 1_000_000  # the traffic writes faster than any customer, and wants answers
    fate = Fate(order, Journal(order.journal))
    if order.message is not None:
        await _publish(order.url, order.message, fate)
    elif order.port is not None:
        await _serve(order, order.port)
    else:
        await _work(order, fate)


async def _publish(url: str, message: InboundMessage, fate: Fate) -> None:
    conn = await connect(url, application="chaos publisher")
    async with conn.transaction():
        await queue.publish(conn, message)
        fate(PUBLISHED)


async def _serve(order: Order, port: int) -> None:
    """As `nightdesk api` does."""
    settings = _read_settings(order)
    assert settings.secret_key is not None
    app = create_app(settings, database_url=order.url, secret_key=settings.secret_key.get_secret_value())
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, access_log=False, ws="none")
    await uvicorn.Server(config).serve()


def _read_settings(order: Order) -> Settings:
    os.environ.update(order.environment)
    return load_settings(env_file=None)


async def _work(order: Order, fate: Fate) -> None:
    """As workers.process.run_worker does, for one or several workers on one loop."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    size = order.workers * order.concurrency
    async with open_pool(order.url, application="chaos worker", max_size=min(size, 12)) as pool:
        if order.idle_transaction_seconds is not None:
            await _shorten_idle_transactions(pool, order.idle_transaction_seconds)
        notifier = Notifier(order.url)
        workers = [_build_worker(order, number, pool, notifier, fate=fate) for number in range(order.workers)]

        def wake(_payload: str = "") -> None:
            for worker in workers:
                worker.turns.wake()

        jobs = [notifier.run(), listen(order.url, {WAKE_CHANNEL: wake}, wake)]
        jobs += [worker.inboxes.run() for worker in workers]
        jobs += [worker.maintenance.run() for worker in workers]
        if order.has_heartbeat:
            jobs += [worker.heartbeat.run() for worker in workers]
        async with run_in_background(*jobs):
            await asyncio.gather(*(worker.run(stop) for worker in workers))


def _build_worker(order: Order, number: int, pool: DbPool, notifier: Notifier, *, fate: Fate) -> Worker:
    journal = fate.journal
    settings = (
        _read_settings(order)
        if order.environment
        else Settings.model_construct(
            agent=AgentSettings(max_replies_per_hour=1_000_000),  # the traffic has few customers, who write like many
            worker=WorkerSettings.model_construct(
                concurrency=order.concurrency,
                lease_seconds=order.lease_seconds,
                poll_seconds=0.1,
                max_attempts=order.max_attempts,
            ),
        )
    )
    name = f"{order.name}, worker {number}"
    agent = StubAgent(Mind(name, order.think_seconds, fate))
    channels = build_channels(settings) if order.environment else _record_sends(journal)
    worker = Worker(settings, order.url, pool, agent.as_agent, notifier, channels=channels, announce=fate)
    journal.write(BORN, worker=str(worker.id), name=name)
    return worker


async def _shorten_idle_transactions(pool: DbPool, seconds: float) -> None:
    """For every connection there will ever be: what the pool itself sets at connect is ten seconds."""
    conns = [await pool.acquire() for _ in range(pool.get_max_size())]
    for conn in conns:
        await conn.execute(f"SET idle_in_transaction_session_timeout = '{seconds}s'")
    for conn in conns:
        await pool.release(conn)


class Mind:
    """Answers with the very messages it was given, so that every reply tells which messages it covers."""

    def __init__(self, worker: str, seconds: float, fate: Fate) -> None:
        self._worker = worker
        self._seconds = seconds
        self._journal = fate.journal
        self._fate = fate

    async def __call__(self, turn: Turn) -> TurnResult:
        """Think for a while, and write down from when to when."""
        started = time.monotonic()
        self._fate(THINKING)
        if POISON in turn.question:
            self._fate(POISONED)
        try:
            await asyncio.sleep(self._seconds * random.uniform(0.5, 1.5))
        except asyncio.CancelledError:
            self._journal.write(CANCELLED)
            raise
        self._journal.write(
            THOUGHT_ABOUT,
            worker=self._worker,
            messages=list(turn.messages),
            started=started,
            ended=time.monotonic(),
        )
        return build_answer(turn, f"On {' '.join(turn.messages)} [1].")


class RecordingSender:
    """A vendor that remembers everything it was ever given."""

    def __init__(self, journal: Journal, *, is_repeatable: bool) -> None:
        self._journal = journal
        self._is_repeatable = is_repeatable

    @property
    def is_repeatable(self) -> bool:
        """Whether the vendor recognises a repetition."""
        return self._is_repeatable

    async def send(self, message: OutboundMessage) -> Receipt:
        """Take it."""
        await message.hand_over()
        conversation = str(message.conversation_id)
        self._journal.write(HANDED_OVER, reply=str(message.id), channel=message.channel, conversation=conversation)
        return Receipt(f"vendor:{message.id}")


def _record_sends(journal: Journal) -> Channels:
    """Every channel with such a vendor; only the web's may be sent to twice. No writer cuts what a reply covers."""
    return {
        name: replace(kit, writer=MailWriter(), sender=RecordingSender(journal, is_repeatable=name == "web"))
        for name, kit in build_channels(Settings.model_construct()).items()
    }
