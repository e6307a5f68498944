"""One turn of one thread, from claim to commit. No transaction is open while the agent thinks."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from agent.context import Turn
from agent.run import SupportAgent, TurnResult
from channels.base import Channels
from core.logging import RareLog, bind_log_context, get_logger
from core.settings import Settings
from core.telemetry import WorkerTelemetry
from core.tracing import Tracing, find_span, trace_step
from database import queue
from database.patience import DatabaseAway, run_patiently
from database.pool import Conn, DbPool
from database.queries.runs import TurnRecord
from database.types import ConversationState, Failure, Lease, MessageId
from workers.commit import Settled, TurnCommit, commit_turn
from workers.failures import build_failed_result, describe_failure, find_retry_after, is_permanent
from workers.observing import note_models, trace_turn
from workers.proof import find_codes, list_asked, take_codes
from workers.resolve import open_for_person, resolve_anyway, resolve_thread, store_silently
from workers.steps import Announce, Step, announce_nothing

_log = get_logger(__name__)

T = TypeVar("T")

# A turn that has not ended by now never will; its lease would be renewed for ever.
TURN_DEADLINE_SECONDS = 300.0
_SETTLING_SECONDS = 5.0
_SNOOZE_SECONDS = 5.0
_MAIL_CHANNELS = frozenset({"gmail", "mailbox"})


class TurnTimeout(Exception):
    """The turn took longer than any turn may."""


class WorkerDied(Exception):
    """No attempt at this turn has lived long enough to say what is wrong with it."""


class TurnProcessor:
    """Settles leases: each ends completed, given back, retried, or with a person and in the dead letters."""

    def __init__(
        self,
        pool: DbPool,
        agent: SupportAgent,
        channels: Channels,
        settings: Settings,
        *,
        on_reply: Callable[[], None],
        on_stored: Callable[[str], None],
        announce: Announce = announce_nothing,
        telemetry: WorkerTelemetry | None = None,
        tracing: Tracing | None = None,
    ) -> None:
        self._pool = pool
        self._agent = agent
        self._channels = channels
        self._settings = settings
        self._on_reply = on_reply
        self._on_stored = on_stored
        self._announce = announce
        self._telemetry = telemetry or WorkerTelemetry()
        self._tracing = tracing or Tracing()
        self._outage_log = RareLog(_log)

    async def process(self, lease: Lease) -> None:
        """Run the turn of this lease. Failures are settled here; only a lost lease leaves the thread to others."""
        ids = [str(queued.id) for queued in lease.messages]
        burst = {"burst": ids[:-1]} if len(ids) > 1 else {}
        context = {"thread_id": str(lease.thread_id), "attempt": lease.attempt, **burst}
        with (
            bind_log_context(message_id=ids[-1] if ids else None, **context),
            trace_turn(self._tracing, lease, self._measure_wait(lease)),
        ):
            self._announce(Step.CLAIMED)
            try:
                await self._run_until_deadline(lease)
            except queue.LeaseLost as error:
                find_span().fail(type(error).__name__)
                # Settled, perhaps, by a commit of ours whose answer did not arrive: then a reply waits to be sent.
                _log.warning("lease lost, or settled before")
                self._on_reply()
            except asyncio.CancelledError:
                await asyncio.shield(self._give_back(lease))
                raise
            except DatabaseAway as error:
                find_span().fail(type(error).__name__)
                self._outage_log.warning("the database is away, the turn waits", error=str(error))
                # Not the message's fault, so not its attempt.
                await self._settle_or_leave(
                    lambda conn: queue.snooze(conn, lease, delay_seconds=_SNOOZE_SECONDS * (0.5 + _jitter()))
                )
            except Exception as error:  # noqa: BLE001  # whatever went wrong, the message must not be stranded
                await self._retry_or_give_up(lease, error)

    async def _run_until_deadline(self, lease: Lease) -> None:
        deadline = asyncio.timeout(TURN_DEADLINE_SECONDS)
        try:
            async with deadline:
                await self._run(lease)
        except TimeoutError:
            if not deadline.expired():
                raise
            raise TurnTimeout(f"no end after {TURN_DEADLINE_SECONDS:g} seconds") from None

    async def _run(self, lease: Lease) -> None:
        max_attempts = self._settings.worker.max_attempts
        if not lease.messages:
            await self._settle_quietly(lease)
            return
        if lease.attempt > max_attempts:
            # Its last attempt was not allowed to say what went wrong: the worker died, or could not settle.
            await self._give_up(lease, describe_failure(WorkerDied("its worker died or stalled at every attempt")))
            return
        if not any(queued.message.starts_turn for queued in lease.messages):
            await self._keep_silently(lease)
            return
        started = time.perf_counter()
        with trace_step("resolve thread"):
            conversation = await self._patiently(
                lambda conn: resolve_thread(conn, lease, self._settings.ticket, self._announce)
            )
        stages = {"queue": self._measure_wait(lease), "resolve": _elapsed_ms(started)}
        self._announce(Step.RESOLVED)
        self._on_stored(lease.contact)
        asked = list_asked(lease, await self._take_codes(lease, conversation))
        if not asked:
            return
        if conversation.owner == "person":
            # The message is stored and its person sees it; the agent has no say any more.
            await self._settle_quietly(lease)
            return
        has_files = any(queued.message.attachments for queued in lease.messages)
        turn = Turn(conversation, tuple(queued.message.text for queued in asked), has_files=has_files)
        started = time.perf_counter()
        result = await self._think(turn)
        stages["agent"] = _elapsed_ms(started)
        note_models(self._telemetry, result)
        self._announce(Step.THOUGHT)
        record = TurnRecord.of(conversation, [queued.id for queued in asked], has_files=has_files)
        is_loop = self._is_loop(conversation)
        await self._commit(TurnCommit(lease, conversation, result, stages, is_loop=is_loop, turn=record))

    async def _think(self, turn: Turn) -> TurnResult:
        attributes = {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": "Nightdesk",
            "gen_ai.conversation.id": str(turn.conversation.id),
        }
        with trace_step("invoke_agent Nightdesk", attributes=attributes) as span:
            result = await self._agent.run_turn(turn)
            span.note({"nightdesk.brain": result.brain.name, "nightdesk.decision.action": result.decision.action})
            return result

    async def _keep_silently(self, lease: Lease) -> None:
        """Nobody is answered. Mail that belongs to no conversation yet gets a ticket, or nobody would ever see it."""
        is_kept = await self._patiently(lambda conn: store_silently(conn, lease))
        if not is_kept and lease.channel in _MAIL_CHANNELS:
            await self._patiently(lambda conn: open_for_person(conn, lease, self._settings.ticket))
        await self._settle_quietly(lease)

    async def _take_codes(self, lease: Lease, conversation: ConversationState) -> set[MessageId]:
        """The messages that are one-time codes which we wait for; they are answered here, by no agent."""
        secret = self._settings.secret_key
        if secret is None or lease.may_have_been_answered or not find_codes(lease):
            return set()

        async def write(conn: Conn) -> set[MessageId]:
            async with conn.transaction():
                return await take_codes(conn, lease, conversation, self._channels, secret.get_secret_value())

        taken = await self._patiently(write)
        if taken:
            self._on_reply()
        return taken

    async def _commit(self, turn: TurnCommit) -> None:
        async def write(conn: Conn) -> Settled:
            async with conn.transaction():
                settled = await commit_turn(conn, turn, self._channels, self._settings.company)
                self._announce(Step.COMMITTING)
                return settled

        with self._telemetry.time_commit(), trace_step("commit turn") as span:
            settled = await self._patiently(write)
            span.note({"nightdesk.outcome": settled.value})
        self._announce(Step.COMMITTED)
        self._telemetry.note_turn(turn.lease.channel, settled.value, turn.stages)
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
        has_reply = settled in {Settled.ANSWERED, Settled.HANDED_OVER}
        if has_reply:
            self._on_reply()
        if not has_reply or not turn.conversation.is_reachable:
            self._on_stored(turn.lease.contact)  # no delivery will tell that the ticket has changed

    async def _retry_or_give_up(self, lease: Lease, error: Exception) -> None:
        find_span().fail(type(error).__name__)
        failure = describe_failure(error)
        if is_permanent(error) or lease.attempt >= self._settings.worker.max_attempts:
            reason = failure.message
            _log.error("turn failed for good, a person takes over", error=failure.error_class, reason=reason, bug=error)
            _log.debug("why the turn failed", exc_info=error)
            self._telemetry.note_turn_failure(failure.error_class, is_final=True)
            await self._give_up_or_leave(lease, failure)
            return
        self._telemetry.note_turn_failure(failure.error_class, is_final=False)
        delay = queue.delay_before_retry(lease.attempt, _jitter(), find_retry_after(error))
        _log.warning("turn failed, will be retried", error=failure.error_class, delay_seconds=round(delay, 1))
        _log.debug("why the turn failed", exc_info=error)
        await self._settle_or_leave(lambda conn: queue.retry(conn, lease, failure, delay_seconds=delay))

    async def _give_up(self, lease: Lease, failure: Failure) -> None:
        """The messages become a dead letter, their thread goes on, and a person gets the ticket: in one commit."""
        if lease.attempt > self._settings.worker.max_attempts + 1:
            # Not even handing it over has survived: nothing more is tried with it.
            await self._patiently(lambda conn: queue.fail(conn, lease, failure))
            _log.error("messages given up without a ticket; see `nightdesk queue list`", reason=failure.error_class)
            return
        started = time.perf_counter()
        conversation = await self._patiently(lambda conn: resolve_anyway(conn, lease, self._settings.ticket))
        stages = {"queue": self._measure_wait(lease), "resolve": _elapsed_ms(started)}
        self._on_stored(lease.contact)
        result = build_failed_result(conversation, lease, failure)
        is_loop = self._is_loop(conversation)
        await self._commit(TurnCommit(lease, conversation, result, stages, failure, is_loop=is_loop))

    async def _give_up_or_leave(self, lease: Lease, failure: Failure) -> None:
        try:
            await self._give_up(lease, failure)
        except queue.LeaseLost:
            _log.warning("lease lost while giving up")
        except Exception as error:  # noqa: BLE001  # the attempt counts, and the next one gives up with less
            _log.error("could not give up", error=type(error).__name__, bug=error)
            _log.debug("why giving up failed", exc_info=error)
            await self._settle_or_leave(lambda conn: queue.retry(conn, lease, failure, delay_seconds=_SNOOZE_SECONDS))

    async def _settle_quietly(self, lease: Lease) -> None:
        async def write(conn: Conn) -> None:
            async with conn.transaction():
                await queue.fence(conn, lease)
                await (queue.complete(conn, lease) if lease.messages else queue.complete_empty(conn, lease))

        await self._patiently(write)

    async def _give_back(self, lease: Lease) -> None:
        await self._settle_or_leave(lambda conn: queue.release(conn, lease))

    async def _settle_or_leave(self, settle: Callable[[Conn], Awaitable[None]]) -> None:
        """Settle if the database lets us; otherwise the lease expires and the thread goes on by itself."""
        try:
            await run_patiently(self._pool, settle, patience_seconds=_SETTLING_SECONDS)
        except queue.LeaseLost:
            _log.warning("lease lost while settling")
        except DatabaseAway as error:
            self._outage_log.warning("could not settle, the lease will expire", error=str(error))
        except Exception as error:  # noqa: BLE001
            _log.warning("could not settle, the lease will expire", error=type(error).__name__)

    async def _patiently(self, work: Callable[[Conn], Awaitable[T]]) -> T:
        # As long as the lease may last: what was thought out is not thought out again for a moment's outage.
        return await run_patiently(self._pool, work, patience_seconds=self._settings.worker.lease_seconds)

    def _is_loop(self, conversation: ConversationState) -> bool:
        """On mail: a machine without any telling header begins a new thread with each letter."""
        return conversation.recent_replies >= self._settings.agent.max_replies_per_hour

    def _measure_wait(self, lease: Lease) -> float:
        """Milliseconds from the first message's arrival to the claim, both on the database's clock."""
        if not lease.messages:
            return 0.0
        claimed_at = lease.expires_at.timestamp() - self._settings.worker.lease_seconds
        return max(0.0, (claimed_at - lease.messages[0].received_at.timestamp()) * 1000)


def _jitter() -> float:
    return random.random()  # noqa: S311  # jitter, not a secret


def _elapsed_ms(started: float) -> float:
    return (time.perf_counter() - started) * 1000
