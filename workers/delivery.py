"""Sending what the outbox holds, and recording what became of it."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

from channels.base import (
    Channels,
    DeliveryFailed,
    DeliveryUncertain,
    InboxBlocked,
    RateLimited,
    Receipt,
    Sender,
    SignInNeeded,
    WindowClosed,
)
from channels.mail.write import write_code
from channels.registry import find_sender
from core.clock import Clock, read_system_clock
from core.ids import derive_code
from core.logging import RareLog, bind_log_context, get_logger
from core.settings import Settings
from core.telemetry import WorkerTelemetry
from core.tracing import Tracing, find_span, trace_step
from database import outbox, undelivered
from database.patience import DatabaseAway, run_patiently
from database.pool import Conn, DbPool
from database.queries import inboxes, notices, sources
from database.queue import delay_before_retry
from database.types import MailPath, OutboundMessage
from workers.observing import trace_delivery
from workers.steps import Announce, Step, announce_nothing

_log = get_logger(__name__)

MAX_SEND_ATTEMPTS = outbox.MAX_ATTEMPTS
# However long a vendor blocks us or somebody must sign in: then a person gets the ticket.
_LONGEST_WAIT = timedelta(hours=24)
_LONGEST_PAUSE_SECONDS = 900.0
# What became of a send must be written, or it counts as in doubt.
RECORD_SECONDS = 20.0
_SIGN_IN_SECONDS = 60.0


class Deliverer:
    """Hands replies to their channels, one per conversation at a time."""

    def __init__(
        self,
        pool: DbPool,
        channels: Channels,
        settings: Settings,
        *,
        on_result: Callable[[str], None],
        announce: Announce = announce_nothing,
        telemetry: WorkerTelemetry | None = None,
        tracing: Tracing | None = None,
        clock: Clock = read_system_clock,
    ) -> None:
        self._pool = pool
        self._channels = channels
        self._settings = settings
        self._on_result = on_result
        self._announce = announce
        self._telemetry = telemetry or WorkerTelemetry()
        self._tracing = tracing or Tracing()
        self._clock = clock
        self._outage_log = RareLog(_log)

    @property
    def repeatable_channels(self) -> list[str]:
        """Channels on which a send that died half-way may simply be done again."""
        return [kit.name for kit in self._channels.values() if kit.sender is not None and kit.sender.is_repeatable]

    @property
    def askable_channels(self) -> list[str]:
        """Channels whose vendor can be asked what became of a send."""
        return [kit.name for kit in self._channels.values() if kit.reconciler is not None]

    async def deliver(self, reply: OutboundMessage) -> None:
        """Send one reply and record the result. A crash in between leaves the row `sending` until its lease ends."""
        ids = {"reply_id": str(reply.id), "conversation_id": str(reply.conversation_id)}
        with (
            bind_log_context(message_id=str(reply.in_reply_to), **ids),
            trace_delivery(self._tracing, "process", reply),
        ):
            try:
                await self._deliver(reply)
            except outbox.DeliveryLeaseLost:
                _log.warning("delivery was taken over, the vendor has reported already, or the desk was paused")
            except DatabaseAway as error:
                self._outage_log.warning(
                    "the database is away, the delivery's result is lost with its lease", error=str(error)
                )
            except Exception as error:  # noqa: BLE001  # the row keeps its lease, and the pump must go on
                find_span().fail(type(error).__name__)
                _log.exception("delivery result could not be recorded; its lease will expire")

    async def _deliver(self, reply: OutboundMessage) -> None:
        sender = find_sender(self._channels, reply.channel, reply.inbox)
        if sender is None:
            await self._fail(reply, f"no sender is configured for {reply.channel}")
            return
        if reply.is_opted_out:
            await self._fail(reply, "the customer wants no more messages (STOP)")
            return
        if reply.expires_at is not None and reply.expires_at <= self._clock():
            await self._fail(reply, "the code became too old before it could be sent")
            return
        wait = await self._wait_for_slot(reply)
        if wait > 0:
            await self._record(lambda conn: outbox.postpone(conn, reply, delay_seconds=wait))
            self._telemetry.note_delivery(reply.channel, "postponed")
            return
        self._announce(Step.SENDING)
        try:
            with self._telemetry.time_send(reply.channel), trace_step(f"send {reply.channel}", "client"):
                receipt = await sender.send(self._complete(reply))
        except (outbox.DeliveryLeaseLost, DatabaseAway):
            raise  # before it was handed over: whoever has it now, or the end of the lease, sends it
        except Exception as error:  # noqa: BLE001  # what it means is decided in one place
            await self._explain(reply, sender, error)
        else:
            self._announce(Step.SENT)
            await self._record(lambda conn: self._accept(conn, reply, receipt))
            self._announce(Step.RECORDED)
            _log.info("reply sent", channel=reply.channel)
            self._telemetry.note_delivery(reply.channel, "sent")
            self._on_result(reply.thread_contact)

    async def _accept(self, conn: Conn, reply: OutboundMessage, receipt: Receipt) -> None:
        await record_receipt(conn, reply, receipt)
        await inboxes.clear_send_problem(conn, reply.channel, reply.inbox)

    async def _wait_for_slot(self, reply: OutboundMessage) -> float:
        """Seconds until this inbox may send again, over all workers; 0 for now."""
        per_minute = self._channels[reply.channel].sends_per_minute
        if per_minute is None:
            return 0.0
        return await run_patiently(
            self._pool,
            lambda conn: outbox.take_slot(conn, reply.channel, reply.inbox, per_minute=per_minute),
            patience_seconds=RECORD_SECONDS,
        )

    def _complete(self, reply: OutboundMessage) -> OutboundMessage:
        """The reply for its sender. A one-time code is put into its message only now: it is stored nowhere."""

        async def hand_over() -> None:
            await self._record(lambda conn: outbox.mark_handed(conn, reply))
            self._announce(Step.HANDED)

        reply = replace(reply, hand_over=hand_over)
        if reply.kind != "code":
            return reply
        secret = self._settings.secret_key
        if secret is None or reply.code_id is None:
            raise DeliveryFailed("SECRET_KEY is not set, so no code can be made", permanent=True)
        code = derive_code(secret.get_secret_value(), str(reply.code_id))
        return replace(reply, text=write_code(code, self._settings.company.name))

    async def _explain(self, reply: OutboundMessage, sender: Sender, error: Exception) -> None:
        match error:
            case DeliveryUncertain():
                await self._doubt(reply, str(error))
            case WindowClosed() if reply.kind == "reply":
                await self._record(lambda conn: undelivered.wait_for_customer(conn, reply.id, str(error), lease=reply))
                _log.warning("the customer must write again first, a template asks them to")
                self._telemetry.note_delivery(reply.channel, "waiting")
            case SignInNeeded():
                await self._wait_for_sign_in(reply, error)
            case DeliveryFailed():
                await self._retry_or_fail(reply, error)
            case _:
                _log.error("sender broke", exc_info=error)
                reason = f"the sender broke ({type(error).__name__})"
                if sender.is_repeatable:
                    await self._retry_or_fail(reply, DeliveryFailed(reason, permanent=False))
                else:
                    await self._doubt(reply, reason)

    async def _retry_or_fail(self, reply: OutboundMessage, error: DeliveryFailed) -> None:
        is_blocked = isinstance(error, InboxBlocked)
        if error.permanent or (self._has_waited_long(reply) if is_blocked else reply.attempt >= MAX_SEND_ATTEMPTS):
            await self._fail(reply, str(error))
            return
        delay = delay_before_retry(reply.attempt, random.random(), error.retry_after)  # noqa: S311  # jitter, not a secret

        async def put_off(conn: Conn) -> None:
            if is_blocked:
                await outbox.postpone(conn, reply, delay_seconds=delay, reason=str(error))
                await inboxes.note_problem(conn, reply.channel, reply.inbox, "send", str(error))
            else:
                await outbox.retry(conn, reply, str(error), delay_seconds=delay)
            if isinstance(error, RateLimited | InboxBlocked) and error.retry_after is not None:
                seconds = min(error.retry_after, _LONGEST_PAUSE_SECONDS)
                await outbox.pause(conn, reply.channel, reply.inbox, seconds=seconds)

        await self._record(put_off)
        self._telemetry.note_delivery(reply.channel, "postponed" if is_blocked else "retried")
        _log.warning("send failed, will be retried", reason=str(error), delay_seconds=round(delay, 1))

    def _has_waited_long(self, reply: OutboundMessage) -> bool:
        return reply.tried_at is not None and self._clock() - reply.tried_at > _LONGEST_WAIT

    async def _wait_for_sign_in(self, reply: OutboundMessage, error: SignInNeeded) -> None:
        if self._has_waited_long(reply):
            await self._fail(reply, f"needs sign-in: {error}")
            return

        async def put_off(conn: Conn) -> None:
            await outbox.postpone(conn, reply, delay_seconds=_SIGN_IN_SECONDS, reason=str(error))
            await inboxes.note_problem(conn, reply.channel, reply.inbox, "send", f"needs sign-in: {error}")

        await self._record(put_off)
        self._telemetry.note_delivery(reply.channel, "postponed")
        self._outage_log.warning("the inbox needs sign-in, replies wait", channel=reply.channel, inbox=reply.inbox)

    async def _fail(self, reply: OutboundMessage, reason: str) -> None:
        await self._record(lambda conn: undelivered.fail(conn, reply, reason))
        _log.error("reply not delivered, a person must look", state="failed", reason=reason)
        self._telemetry.note_delivery(reply.channel, "failed")
        self._on_result(reply.thread_contact)

    async def _doubt(self, reply: OutboundMessage, reason: str) -> None:
        if reply.channel in self.askable_channels:
            seconds = self._settings.worker.reconcile_seconds
            await self._record(lambda conn: outbox.mark_doubtful(conn, reply, reason, check_seconds=seconds))
            _log.warning("a send is in doubt, the vendor will be asked", reason=reason)
            self._telemetry.note_delivery(reply.channel, "doubtful")
            return
        await self._record(lambda conn: undelivered.leave_in_doubt(conn, reply, reason))
        _log.error("reply not delivered, a person must look", state="unknown", reason=reason)
        self._telemetry.note_delivery(reply.channel, "unknown")
        self._on_result(reply.thread_contact)

    async def _record(self, result: Callable[[Conn], Awaitable[object]]) -> None:
        await record_result(self._pool, result)


async def record_result(pool: DbPool, result: Callable[[Conn], Awaitable[object]]) -> None:
    """Write in one transaction what became of a send; a database that is away for a moment is waited for."""

    async def write(conn: Conn) -> None:
        async with conn.transaction():
            await result(conn)

    await run_patiently(pool, write, patience_seconds=RECORD_SECONDS)


async def record_receipt(conn: Conn, reply: OutboundMessage, receipt: Receipt) -> None:
    """The vendor has the reply: its state, and the names under which answers to it will find its thread."""
    await outbox.mark_sent(conn, reply, receipt.vendor_id, mail_id=receipt.mail_id, hold_seconds=receipt.hold_seconds)
    await notices.settle_notices(conn, reply.id)
    if receipt.known_as and isinstance(reply.path, MailPath) and reply.kind != "code":
        place = (reply.channel, reply.inbox)
        await sources.remember_names(conn, place, reply.path.to, receipt.known_as, contact=reply.thread_contact)
