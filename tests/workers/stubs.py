"""An agent that thinks what a test wants, and the desk around it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any, cast
from uuid import UUID, uuid4

from asyncpg import Record

from agent.compose import summarise
from agent.context import Turn
from agent.decision.evidence import Decision
from agent.effects import Categorise, Draft
from agent.models.brain import OFFLINE_BRAIN
from agent.run import SupportAgent, TurnResult
from channels.base import Channels
from channels.registry import build_channels
from core.settings import Settings
from core.telemetry import WorkerTelemetry
from database import queue
from database.pool import DbPool
from database.queries.runs import ToolCallRecord
from database.types import Citation, ConversationState, InboundMessage, Lease, ThreadId
from tests.database.builders import claim_one, make_message, make_request, read_thread
from workers.resolve import resolve_thread
from workers.turn import TurnProcessor

Think = Callable[[Turn], Awaitable[TurnResult]]

REF = "TF-20261121-0001"
CITATION = Citation(
    number=1,
    passage_id=UUID(int=7),
    source="sample-knowledge/export.md",
    title="Exporting your data",
    excerpt="Open Settings and choose Export.",
)


def build_answer(turn: Turn, text: str = "Open Settings and choose Export [1].") -> TurnResult:
    """A confident, cited answer."""
    return _build(turn, Decision("answer", "grounded_answer", "sure", "general", 0.9, 0.75), Draft(text, (CITATION,)))


def build_handover(turn: Turn, route: str = "billing") -> TurnResult:
    """A decision for a person, who gets the draft."""
    decision = Decision("hand_over", "billing_dispute", "billing goes to a person", route, 0.4, 0.75)
    return _build(turn, decision, Draft("A draft.", (CITATION,)))


def _build(turn: Turn, decision: Decision, draft: Draft) -> TurnResult:
    return TurnResult(
        decision=decision,
        description={"action": decision.action, "rule": decision.rule},
        draft=draft,
        summary=summarise(turn.conversation.ticket_subject, turn.question),
        categorise=Categorise("Exporting data", "technical", "high"),
        sentiment=0.25,
        calls=(
            ToolCallRecord("search_knowledge_base", '{"query": "export"}', "found", 3.5),
            ToolCallRecord("send_response", '{"text": "…"}', "drafted", 0.5),
        ),
        brain=OFFLINE_BRAIN,
        input_tokens=11,
        output_tokens=22,
    )


async def think_an_answer(turn: Turn) -> TurnResult:
    """The default thought."""
    return build_answer(turn)


async def think_a_handover(turn: Turn) -> TurnResult:
    """A person is needed."""
    return build_handover(turn)


async def fail_to_think(_turn: Turn) -> TurnResult:
    """A model that is down."""
    raise ConnectionError("the model is down")


class StubAgent:
    """Stands in for SupportAgent. Remembers the turns it was given."""

    brain_name = "stub"
    is_model_away = False
    intents = None

    def __init__(self, think: Think = think_an_answer) -> None:
        self.think = think
        self.turns: list[Turn] = []

    async def run_turn(self, turn: Turn) -> TurnResult:
        """Think what the test wants."""
        self.turns.append(turn)
        return await self.think(turn)

    async def aclose(self) -> None:
        """It holds nothing open."""

    @property
    def as_agent(self) -> SupportAgent:
        """The stub, for whoever asks for the real class."""
        return cast("SupportAgent", self)


class Thinking:
    """A thought that begins, and then waits for the test."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.may_end = asyncio.Event()

    async def __call__(self, turn: Turn) -> TurnResult:
        self.begun.set()
        await self.may_end.wait()
        return build_answer(turn)


@dataclass
class Desk:
    """One database, one stub agent, and a processor between them."""

    pool: DbPool
    settings: Settings
    agent: StubAgent = field(default_factory=StubAgent)
    channels: Channels = field(default_factory=lambda: build_channels(Settings.model_construct()))
    replies: int = 0
    stored: list[str] = field(default_factory=list)
    telemetry: WorkerTelemetry = field(default_factory=WorkerTelemetry)

    def __post_init__(self) -> None:
        self.processor = TurnProcessor(
            self.pool,
            self.agent.as_agent,
            self.channels,
            self.settings,
            on_reply=self._count_reply,
            on_stored=self.stored.append,
            telemetry=self.telemetry,
        )

    def _count_reply(self) -> None:
        self.replies += 1

    async def submit(self, text: str = "How do I export my data?", ref: str = REF) -> ThreadId:
        """A customer opens a ticket on the form."""
        return await self.publish(make_message(ref, text=text, ticket=make_request(ref)))

    async def reply(self, text: str, ref: str = REF) -> ThreadId:
        """The customer writes again on the ticket page, which names no sender."""
        return await self.publish(make_message(ref, text=text, sender=None))

    async def publish(self, message: InboundMessage) -> ThreadId:
        """Any message."""
        async with self.pool.acquire() as conn:
            return (await queue.publish(conn, message)).thread_id

    async def claim(self) -> Lease:
        """Lease the one claimable thread."""
        async with self.pool.acquire() as conn:
            return await claim_one(conn)

    async def resolve(self, lease: Lease) -> ConversationState:
        """Store what the lease brought."""
        async with self.pool.acquire() as conn:
            return await resolve_thread(conn, lease, self.settings.ticket)

    async def work(self) -> None:
        """Claim and process the one claimable thread."""
        await self.processor.process(await self.claim())

    async def set_attempts(self, attempts: int) -> None:
        """As if the thread had been claimed this often."""
        await self.execute("UPDATE queue_threads SET attempts = $1", attempts)

    async def execute(self, sql: str, *values: object) -> None:
        """Change something behind the desk's back."""
        async with self.pool.acquire() as conn:
            await conn.execute(sql, *values)

    async def fetch(self, sql: str, *values: object) -> list[Record]:
        """All rows."""
        async with self.pool.acquire() as conn:
            return await conn.fetch(sql, *values)

    async def fetch_value(self, sql: str, *values: object) -> Any:  # a column has any type
        """One value."""
        async with self.pool.acquire() as conn:
            return await conn.fetchval(sql, *values)

    async def read_thread(self, thread_id: ThreadId) -> Record:
        """The thread's row with its delay."""
        async with self.pool.acquire() as conn:
            return await read_thread(conn, thread_id)

    async def list_messages(self) -> list[tuple[str, str]]:
        """Author and text of every stored message, oldest first."""
        rows = await self.fetch("SELECT author, text FROM messages ORDER BY created_at, id")
        return [(row["author"], row["text"]) for row in rows]

    async def count(self, table: str) -> int:
        """How many rows a table has."""
        count: int = await self.fetch_value(f"SELECT count(*) FROM {table}")
        return count

    async def read_status(self) -> str:
        """The status of the one ticket."""
        status: str = await self.fetch_value("SELECT status FROM tickets")
        return status


def make_lease_of_nobody(lease: Lease) -> Lease:
    """The same lease with a token that was never given out."""
    return replace(lease, token=uuid4())
