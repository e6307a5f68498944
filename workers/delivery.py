"""Sending what the outbox holds, and recording what became of it."""

import random
from collections.abc import Awaitable, Callable

from channels.base import Channels, DeliveryFailed, DeliveryUncertain
from channels.registry import find_sender
from core.logging import RareLog, bind_log_context, get_logger
from database import outbox
from database.patience import DatabaseAway, run_patiently
from database.pool import Conn, DbPool
from database.queue import delay_before_retry
from database.types import OutboundMessage
from workers.steps import Announce, Step, announce_nothing

_log = get_logger(__name__)

MAX_SEND_ATTEMPTS = 8
# What became of a send must be written, or it counts as in doubt.
RECORD_SECONDS = 20.0


class Deliverer:
    """Hands replies to their channels, one per conversation at a time."""

    def __init__(
        self, pool: DbPool, channels: Channels, *, on_sent: Callable[[str], None], announce: Announce = announce_nothing
    ) -> None:
        self._pool = pool
        self._channels = channels
        self._on_sent = on_sent
        self._announce = announce
        self._outage_log = RareLog(_log)

    @property
    def repeatable_channels(self) -> list[str]:
        """Channels on which a send that died half-way may simply be done again."""
        return [kit.name for kit in self._channels.values() if kit.sender is not None and kit.sender.is_repeatable]

    async def deliver(self, reply: OutboundMessage) -> None:
        """Send one reply and record the result. A crash in between leaves the row `sending` until its lease ends."""
        ids = {"reply_id": str(reply.id), "conversation_id": str(reply.conversation_id)}
        with bind_log_context(message_id=str(reply.in_reply_to), **ids):
            try:
                await self._send(reply)
            except outbox.DeliveryLeaseLost:
                _log.warning("delivery was taken over by another worker")
            except DatabaseAway as error:
                self._outage_log.warning(
                    "the database is away, the delivery's result is lost with its lease", error=str(error)
                )
            except Exception:  # noqa: BLE001  # the row keeps its lease, and the pump must go on
                _log.exception("delivery result could not be recorded; its lease will expire")

    async def _send(self, reply: OutboundMessage) -> None:
        self._announce(Step.SENDING)
        sender = find_sender(self._channels, reply.channel, reply.inbox)
        if sender is None:
            await self._give_up(reply, "failed", f"no sender is configured for {reply.channel}")
            return
        try:
            receipt = await sender.send(reply)
        except DeliveryUncertain as error:
            await self._give_up(reply, "unknown", str(error))
        except DeliveryFailed as error:
            await self._retry_or_give_up(reply, error)
        except Exception as error:  # noqa: BLE001  # a sender with a bug says nothing of what happened
            _log.exception("sender broke")
            reason = f"the sender broke ({type(error).__name__})"
            if sender.is_repeatable:
                await self._retry_or_give_up(reply, DeliveryFailed(reason, permanent=False))
            else:
                await self._give_up(reply, "unknown", reason)
        else:
            self._announce(Step.SENT)
            await self._record(lambda conn: outbox.mark_sent(conn, reply, receipt.vendor_id))
            self._announce(Step.RECORDED)
            _log.info("reply sent", channel=reply.channel)
            self._on_sent(reply.thread_contact)

    async def _retry_or_give_up(self, reply: OutboundMessage, error: DeliveryFailed) -> None:
        if error.permanent or reply.attempt >= MAX_SEND_ATTEMPTS:
            await self._give_up(reply, "failed", str(error))
            return
        delay = delay_before_retry(reply.attempt, random.random(), error.retry_after)  # noqa: S311  # jitter, not a secret
        await self._record(lambda conn: outbox.retry(conn, reply, str(error), delay_seconds=delay))
        _log.warning("send failed, will be retried", reason=str(error), delay_seconds=round(delay, 1))

    async def _give_up(self, reply: OutboundMessage, state: outbox.GivenUp, reason: str) -> None:
        await self._record(lambda conn: outbox.give_up(conn, reply, state, reason))
        _log.error("reply not delivered, a person must look", state=state, reason=reason)

    async def _record(self, result: Callable[[Conn], Awaitable[None]]) -> None:
        await run_patiently(self._pool, result, patience_seconds=RECORD_SECONDS)
