"""One turn of one thread, from claim to commit. No transaction is open while the agent thinks."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable

from agent.compose import summarise
from agent.context import Turn
from agent.decision.decide import find_route
from agent.decision.evidence import Decision, Evidence, describe
from agent.decision.sentiment import analyze
from agent.models.brain import OFFLINE_BRAIN
from agent.run import SupportAgent, TurnResult
from channels.base import Channels
from core.logging import bind_log_context, get_logger
from core.settings import Settings
from database import queue
from database.pool import Conn, DbPool
from database.types import ConversationState, Lease
from workers.commit import Settled, TurnCommit, commit_turn
from workers.resolve import resolve_thread

_log = get_logger(__name__)

_SETTLING_ATTEMPTS_SECONDS = 5.0


class TurnProcessor:
    """Settles leases: each ends completed, released, retried, or with a person and in the dead letters."""

    def __init__(
        self,
        pool: DbPool,
        agent: SupportAgent,
        channels: Channels,
        settings: Settings,
        *,
        on_reply: Callable[[], None],
        on_stored: Callable[[str], None],
    ) -> None:
        self._pool = pool
        self._agent = agent
        self._channels = channels
        self._settings = settings
        self._on_reply = on_reply
        self._on_stored = on_stored

    async def process(self, lease: Lease) -> None:
        """Run the turn of this lease. Failures are settled here; only a lost lease leaves the thread to others."""
        ids = [str(queued.id) for queued in lease.messages]
        burst = {"burst": ids[:-1]} if len(ids) > 1 else {}
        context = {"thread_id": str(lease.thread_id), "attempt": lease.attempt, **burst}
        with bind_log_context(message_id=ids[-1] if ids else None, **context):
            try:
                await self._run(lease)
            except queue.LeaseLost:
                _log.warning("lease lost, nothing was written")
            except asyncio.CancelledError:
                await asyncio.shield(self._give_back(lease))
                raise
            except Exception as error:  # noqa: BLE001  # whatever went wrong, the message must not be stranded
                await self._retry_or_bury(lease, error)

    async def _run(self, lease: Lease) -> None:
        if not lease.messages:
            await self._settle_quietly(lease)
            return
        if lease.attempt > self._settings.worker.max_attempts + 1:
            # Not even handing it over has survived: nothing more is tried with it.
            async with self._pool.acquire() as conn:
                await _bury(conn, lease, "its worker died at every attempt")
            return
        started = time.perf_counter()
        conversation = await resolve_thread(self._pool, lease, self._settings.ticket)
        stages = {"queue": self._measure_wait(lease), "resolve": _elapsed_ms(started)}
        self._on_stored(lease.contact)
        if conversation.owner == "person":
            # The message is stored and its person sees it; the agent has no say any more.
            await self._settle_quietly(lease)
            return
        if lease.attempt > self._settings.worker.max_attempts:
            await self._give_up(lease, conversation, stages, "its worker died at every attempt")
            return
        await self._answer(lease, conversation, stages)

    async def _answer(self, lease: Lease, conversation: ConversationState, stages: dict[str, float]) -> None:
        turn = Turn(conversation, tuple(queued.message.text for queued in lease.messages))
        started = time.perf_counter()
        try:
            result = await self._agent.run_turn(turn)
        except Exception as error:
            if lease.attempt < self._settings.worker.max_attempts:
                raise
            _log.exception("the last attempt failed, a person takes over")
            await self._give_up(lease, conversation, stages, f"{type(error).__name__} at the last attempt")
            return
        stages["agent"] = _elapsed_ms(started)
        await self._commit(TurnCommit(lease, conversation, result, stages))

    async def _commit(self, turn: TurnCommit) -> None:
        async with self._pool.acquire() as conn, conn.transaction():
            settled = await commit_turn(conn, turn, self._channels, self._settings.company)
        decision = turn.result.decision
        _log.info(
            "turn settled",
            outcome=settled.value,
            action=decision.action,
            rule=decision.rule,
            route=decision.route,
            confidence=round(decision.confidence, 3),
            brain=turn.result.brain.name,
            ticket=turn.conversation.ticket_ref,
            **{f"{stage}_ms": round(value, 1) for stage, value in turn.stages.items()},
        )
        if settled is Settled.REPLIED:
            self._on_reply()

    async def _give_up(
        self, lease: Lease, conversation: ConversationState, stages: dict[str, float], reason: str
    ) -> None:
        result = _build_failure(conversation, lease, reason)
        await self._commit(TurnCommit(lease, conversation, result, stages, buried=reason))

    async def _settle_quietly(self, lease: Lease) -> None:
        async with self._pool.acquire() as conn, conn.transaction():
            await queue.fence(conn, lease)
            await queue.complete(conn, lease)

    async def _retry_or_bury(self, lease: Lease, error: Exception) -> None:
        if lease.attempt > self._settings.worker.max_attempts:
            _log.error("turn failed for the last time", exc_info=error)
            await self._settle_or_leave(lambda conn: _bury(conn, lease, f"{type(error).__name__} at the last attempt"))
            return
        delay = queue.delay_before_retry(lease.attempt, random.random())  # noqa: S311  # jitter, not a secret
        _log.warning("turn failed, will be retried", error=type(error).__name__, delay_seconds=round(delay, 1))
        _log.debug("why the turn failed", exc_info=error)
        await self._settle_or_leave(lambda conn: queue.retry(conn, lease, delay_seconds=delay))

    async def _give_back(self, lease: Lease) -> None:
        _log.info("turn given back at shutdown")
        await self._settle_or_leave(lambda conn: queue.release(conn, lease))

    async def _settle_or_leave(self, settle: Callable[[Conn], Awaitable[None]]) -> None:
        """Settle if the database lets us; otherwise the lease expires and the thread goes on by itself."""
        try:
            async with asyncio.timeout(_SETTLING_ATTEMPTS_SECONDS), self._pool.acquire() as conn:
                await settle(conn)
        except queue.LeaseLost:
            _log.warning("lease lost while settling")
        except Exception as error:  # noqa: BLE001
            _log.warning("could not settle, the lease will expire", error=type(error).__name__)

    def _measure_wait(self, lease: Lease) -> float:
        """Milliseconds from the first message's arrival to the claim, both on the database's clock."""
        claimed_at = lease.expires_at.timestamp() - self._settings.worker.lease_seconds
        return max(0.0, (claimed_at - lease.messages[0].received_at.timestamp()) * 1000)


async def _bury(conn: Conn, lease: Lease, reason: str) -> None:
    """The dead letters without a conversation: what arrived is kept, its thread goes on, operators see it."""
    async with conn.transaction():
        await queue.fence(conn, lease)
        await queue.bury(conn, lease, reason)
        await queue.complete(conn, lease)
    _log.error("messages given up without a ticket, a person must look", reason=reason)


def _build_failure(conversation: ConversationState, lease: Lease, reason: str) -> TurnResult:
    question = "\n".join(queued.message.text for queued in lease.messages)
    evidence = Evidence((), analyze(question), None, 0.0, conversation.automatic_replies, conversation.ticket_category)
    decision = Decision(
        "hand_over", "given_up", f"the agent could not answer: {reason}", find_route(evidence), 0.0, 0.0
    )
    return TurnResult(
        decision=decision,
        description=describe(decision, evidence),
        draft=None,
        summary=summarise(conversation.ticket_subject, question),
        categorise=None,
        sentiment=evidence.sentiment.score,
        calls=(),
        brain=OFFLINE_BRAIN,
        input_tokens=0,
        output_tokens=0,
    )


def _elapsed_ms(started: float) -> float:
    return (time.perf_counter() - started) * 1000
