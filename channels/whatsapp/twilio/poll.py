"""Fetching messages whose webhook was lost.

Twilio repeats a webhook once, at once, and only where no connection came about
(https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides), so whoever was down has missed it.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from twilio.base.exceptions import TwilioRestException

from channels.base import Listing, MalformedSource
from channels.whatsapp.twilio.address import PREFIX
from channels.whatsapp.twilio.answers import translate_problems
from channels.whatsapp.twilio.client import TwilioApi
from channels.whatsapp.twilio.parse import parse_message
from core.channel_settings import TwilioSettings
from core.clock import Clock, read_system_clock
from core.errors import OperatorError
from database.types import Channel, Parsed, Source

_MAX_PAGE = 1_000
# A message this young has its webhook under way; fetching it as well would be work for nothing.
_WEBHOOK_GRACE = timedelta(seconds=60)
# Messages may be listed late and out of order by so much. What is listed twice is published once.
_MARGIN = timedelta(minutes=2)
_MAX_CATCH_UP = timedelta(days=30)
_MESSAGES = "https://api.twilio.com/2010-04-01/Accounts"


class TwilioPoller:
    """Lists what came in to our number. Its cursor is the time up to which it has looked."""

    channel: Channel = "whatsapp"

    def __init__(
        self,
        settings: TwilioSettings,
        *,
        clock: Clock = read_system_clock,
        wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
        timeout_seconds: float = 20.0,
    ) -> None:
        if settings.number is None:
            raise OperatorError("TWILIO_NUMBER: expected, because messages are to be fetched")
        self.inbox = settings.number
        self.poll_seconds = settings.poll_seconds
        self._api = TwilioApi(settings, timeout_seconds)
        self._clock = clock
        self._wait = wait

    async def list_new(self, cursor: str | None, synced_at: datetime | None) -> Listing:
        """The SIDs of messages that came since the cursor, oldest first. Raises VendorAway or SignInNeeded."""
        until = self._clock() - _WEBHOOK_GRACE
        since = _read_cursor(cursor) or synced_at
        if cursor is None or since is None:
            return Listing((), until.isoformat())
        since = max(since - _MARGIN, until - _MAX_CATCH_UP)
        listed = await asyncio.to_thread(self._list_inbound, since)
        fresh = [item for item in listed if isinstance(item.date_created, datetime) and item.date_created <= until]
        ordered = sorted(fresh, key=lambda item: (item.date_created, str(item.sid)))
        return Listing(tuple(str(item.sid) for item in ordered if item.sid), until.isoformat())

    async def fetch(self, external_id: str) -> Source | None:
        """One message with the list of its files, as the API tells them; None if it is gone."""
        body = await asyncio.to_thread(self._fetch_message, external_id)
        if body is None:
            return None
        return Source(self.channel, self.inbox, external_id, body, {"content-type": "application/json"})

    def parse(self, source: Source) -> Parsed:
        """Read what was fetched, into the same message that its webhook would have made."""
        try:
            content = json.loads(source.body)
            fields = _write_fields(content["message"], content["media"])
            is_inbound = content["message"].get("direction") == "inbound"
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise MalformedSource("not a message of Twilio's API") from error
        if not is_inbound:
            return Parsed(ignored=("not inbound",))
        parsed, sent_at = parse_message(fields, self.inbox), _read_time(content["message"].get("date_created"))
        return replace(parsed, messages=tuple(m.model_copy(update={"sent_at": sent_at}) for m in parsed.messages))

    async def watch(self) -> datetime | None:
        """There is nothing to ask for: webhooks are set up at Twilio."""
        return None

    async def wait_for_news(self, seconds: float) -> None:
        """Webhooks bring the news; this only looks after them."""
        await self._wait(seconds)

    async def aclose(self) -> None:
        """Each call hangs up by itself."""

    def _list_inbound(self, since: datetime) -> list[Any]:
        with translate_problems():
            client, _ = self._api.open()
            listed = client.messages.list(to=PREFIX + self.inbox, date_sent_after=since, page_size=_MAX_PAGE)
            return [item for item in listed if item.direction == "inbound" and _is_since(item.date_sent, since)]

    def _fetch_message(self, sid: str) -> bytes | None:
        with translate_problems():
            message = self._read(f"Messages/{sid}.json")
            if message is None:
                return None
            has_media = str(message.get("num_media") or "0") != "0"
            media = self._read(f"Messages/{sid}/Media.json") if has_media else None
            return json.dumps({"message": message, "media": (media or {}).get("media_list", [])}).encode()

    def _read(self, address: str) -> dict[str, Any] | None:
        client, _ = self._api.open()
        answer = client.request("GET", f"{_MESSAGES}/{self._api.account_sid}/{address}")
        if answer.status_code == 404:
            return None
        if answer.status_code != 200:
            raise TwilioRestException(answer.status_code, address)
        content = json.loads(answer.text)
        if not isinstance(content, dict):
            raise TypeError
        return content


def _is_since(moment: object, since: datetime) -> bool:
    # Only a filter by whole days is documented, and a day's messages are not to be fetched every five minutes.
    return not isinstance(moment, datetime) or moment >= since - timedelta(seconds=1)


def _read_cursor(cursor: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(cursor or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _read_time(text: object) -> datetime | None:
    """A moment as the API writes it (RFC 2822), which the webhook does not name at all."""
    try:
        moment = parsedate_to_datetime(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _write_fields(message: dict[str, Any], media: list[dict[str, Any]]) -> dict[str, str]:
    """The fields of the webhook that this message had, as far as the API knows them."""
    fields = {
        "MessageSid": message.get("sid"),
        "From": message.get("from"),
        "To": message.get("to"),
        "Body": message.get("body"),
        "NumMedia": str(len(media)),
    }
    for index, file in enumerate(media):
        fields[f"MediaContentType{index}"] = file.get("content_type")
        uri = file.get("uri")
        fields[f"MediaUrl{index}"] = uri.removesuffix(".json") if isinstance(uri, str) else None
    # JSON can hold half a character, which no database takes.
    return {name: value.encode(errors="replace").decode() for name, value in fields.items() if isinstance(value, str)}
