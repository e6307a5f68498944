"""Sending what the outbox holds, and recording what became of it."""

import random
from collections.abc import Callable

from channels.base import Channels, DeliveryFailed, DeliveryUncertain
from channels.registry import find_sender
from core.logging import bind_log_context, get_logger
from database import outbox
from database.pool import DbPool
from database.queue import delay_before_retry
from database.types import OutboundMessage

_log = get_logger(__name__)

MAX_SEND_ATTEMPTS = 8


class Deliverer:
    """Hands replies to their channels, one per conversation at a time."""

    def __init__(self, pool: DbPool, channels: Channels, *, on_sent: Callable[[str], None]) -> None:
        self._pool = pool
        self._channels = channels
        self._on_sent = on_sent

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
            except Exception:  # noqa: BLE001  # the row keeps its lease, and the pump must go on
                _log.exception("delivery result could not be recorded; its lease will expire")

    async def _send(self, reply: OutboundMessage) -> None:
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
            async with self._pool.acquire() as conn:
                await outbox.mark_sent(conn, reply, receipt.vendor_id)
            _log.info("reply sent", channel=reply.channel)
            self._on_sent(reply.thread_contact)

    async def _retry_or_give_up(self, reply: OutboundMessage, error: DeliveryFailed) -> None:
        if error.permanent or reply.attempt >= MAX_SEND_ATTEMPTS:
            await self._give_up(reply, "failed", str(error))
            return
        delay = delay_before_retry(reply.attempt, random.random())  # noqa: S311  # jitter, not a secret
        async with self._pool.acquire() as conn:
            await outbox.retry(conn, reply, str(error), delay_seconds=delay)
        _log.warning("send failed, will be retried", reason=str(error), delay_seconds=round(delay, 1))

    async def _give_up(self, reply: OutboundMessage, state: outbox.GivenUp, reason: str) -> None:
        async with self._pool.acquire() as conn:
            await outbox.give_up(conn, reply, state, reason)
        _log.error("reply not delivered, a person must look", state=state, reason=reason)
