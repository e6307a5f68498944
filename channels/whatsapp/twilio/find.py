"""Asking Twilio what became of a message that may or may not have been sent."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

from channels.base import Receipt, VendorAway
from channels.whatsapp.twilio.address import PREFIX, write_address
from channels.whatsapp.twilio.answers import translate_problems
from channels.whatsapp.twilio.client import TwilioApi
from channels.whatsapp.twilio.send import PAIR_LIMIT_SECONDS
from core.channel_settings import TwilioSettings
from database.types import OutboundMessage, WhatsAppPath

# Twilio's clock is not ours, and it tells whole seconds. A message that is missed would be sent a second time, while an
# earlier one of the same words is told apart by its known id.
_CLOCK_SKEW = timedelta(minutes=10)
# The largest page, so one request. One customer rarely has more messages than that in all.
_MAX_LISTED = 1_000


class TwilioReconciler:
    """Looks among the messages to one customer for the one whose answer was lost."""

    def __init__(self, settings: TwilioSettings, *, timeout_seconds: float = 10.0) -> None:
        self._api = TwilioApi(settings, timeout_seconds)

    async def find(self, message: OutboundMessage) -> Receipt | None:
        """The receipt of a message that Twilio has, or None if it does not have it now.

        Raises VendorAway or SignInNeeded where Twilio cannot say. A request takes a moment to be listed, so whoever
        asks waits before believing None.
        """
        path = message.path
        to = write_address(path.phone, path.user_id) if isinstance(path, WhatsAppPath) else None
        if to is None or message.tried_at is None:
            raise VendorAway("a message without recipient or time cannot be looked for")
        listed = await asyncio.to_thread(self._list_messages, to, PREFIX + message.inbox)
        candidates = [item for item in listed if _may_be(item, message, since=message.tried_at - _CLOCK_SKEW)]
        if candidates:
            # Of several, it does not matter which one it was: Twilio has it, and it must not be sent again. The
            # earliest is the likeliest, because nothing else was in flight to this customer.
            earliest = min(candidates, key=lambda item: item.date_created)
            return Receipt(vendor_id=str(earliest.sid), hold_seconds=PAIR_LIMIT_SECONDS)
        if len(listed) >= _MAX_LISTED:
            raise VendorAway("the customer has more messages than can be looked through")
        return None

    def _list_messages(self, to: str, sender: str) -> list[Any]:
        # Not narrowed to a time: Twilio filters by the moment of sending, which a message still in its queue lacks.
        with translate_problems():
            client, _ = self._api.open()
            return list(client.messages.list(to=to, from_=sender, limit=_MAX_LISTED, page_size=_MAX_LISTED))


def _may_be(item: Any, message: OutboundMessage, *, since: datetime) -> bool:  # noqa: ANN401  # the SDK has no types
    is_new = isinstance(item.date_created, datetime) and item.date_created >= since
    is_ours = str(item.direction).startswith("outbound") and bool(item.sid)
    if not (is_new and is_ours) or item.sid in message.known_vendor_ids:
        return False
    # Of a template Twilio shows the text that it was filled into, which is kept there and not here.
    return message.kind == "template" or _normalize(item.body or "") == _normalize(message.text)


def _normalize(text: str) -> str:
    return "\n".join(text.split("\r\n")).strip()
