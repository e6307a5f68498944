"""Fetching mail from Gmail: what is new since our own cursor, and each mail whole."""

import asyncio
import base64
from datetime import datetime, timedelta

from channels.base import Listing
from channels.gmail.answers import read_time, reading
from channels.gmail.client import Answer, GmailClient, Wait, read_existing, read_profile
from channels.gmail.cursor import HistoryCursor
from channels.gmail.history import SKIPPED_LABELS, History, read_history, search_since
from channels.gmail.refusal import GmailRefused
from channels.mail.account import MailAccount
from channels.mail.body import MAX_FILE_BYTES
from channels.mail.parse import parse_mail
from core.clock import Clock, read_system_clock
from core.logging import get_logger
from database.types import Channel, Parsed, Source

# How far a search goes back beyond the last sync: clocks differ, and a mail may be indexed late.
_MARGIN = timedelta(hours=1)
# Where nobody knows when the last sync was: Gmail keeps history "at least a week", so the cursor is no younger.
_LONGEST_GAP = timedelta(days=8)
# How long Gmail keeps spam. Older mail that leaves the folder was put there by mistake, long after it was read.
_LONGEST_SPAM = timedelta(days=30)
_LATE_NEWS_SECONDS = 2.0

_log = get_logger(__name__)


class GmailPoller:
    """Reads one Gmail mailbox."""

    channel: Channel = "gmail"

    def __init__(
        self,
        client: GmailClient,
        account: MailAccount,
        *,
        poll_seconds: float,
        topic: str | None = None,
        max_file_bytes: int = MAX_FILE_BYTES,
        clock: Clock = read_system_clock,
        wait: Wait = asyncio.sleep,
    ) -> None:
        self._client = client
        self._account = account
        self._poll_seconds = poll_seconds
        self._topic = topic
        self._max_file_bytes = max_file_bytes
        self._clock = clock
        self._wait = wait
        self._is_woken = False

    @property
    def inbox(self) -> str:
        """Its address."""
        return self._account.address

    @property
    def poll_seconds(self) -> float:
        """How often to look without being told: pushes may be late, or dropped."""
        return self._poll_seconds

    async def list_new(self, cursor: str | None, synced_at: datetime | None) -> Listing:
        """All that is new after the cursor, or since `synced_at` where Gmail does not know the cursor any more.

        The history may lag behind what happened. So the cursor moves to what was seen and no further; an empty history
        leaves it where it is, unless it has been there for a day and Gmail might forget it. Told of news, an empty one
        is asked once more.
        """
        is_woken, self._is_woken = self._is_woken, False
        with reading("the history"):
            if cursor is None:
                return Listing((), await self._read_cursor())
            try:
                return await self._list_after(HistoryCursor.read(cursor), is_woken=is_woken)
            except GmailRefused as error:
                reason = str(error)
            return await self._search_since(synced_at, reason)

    async def _list_after(self, cursor: HistoryCursor, *, is_woken: bool) -> Listing:
        history = await self._read_history(cursor)
        if is_woken and not history.arrived:
            await self._wait(_LATE_NEWS_SECONDS)
            history = await self._read_history(cursor)
        now = self._clock()
        if history.seen is not None:
            cursor = HistoryCursor(str(history.seen), now)
        elif cursor.is_due(now) and not is_woken:
            cursor = HistoryCursor(str(history.end), now)
        elif cursor.taken_at is None:
            cursor = HistoryCursor(cursor.history_id, now)
        return Listing(history.arrived, str(cursor))

    async def _read_history(self, cursor: HistoryCursor) -> History:
        return await read_history(self._client, cursor.history_id, released_since=self._clock() - _LONGEST_SPAM)

    async def _search_since(self, synced_at: datetime | None, reason: str) -> Listing:
        # The cursor is taken before the search: what arrives in between is found twice rather than not at all.
        since = (synced_at or self._clock() - _LONGEST_GAP) - _MARGIN
        cursor = await self._read_cursor()
        found = await search_since(self._client, since)
        _log.warning(
            "the history does not reach back to the cursor, Gmail was searched instead",
            reason=reason,
            since=since.isoformat(),
            found=len(found),
        )
        return Listing(found, cursor)

    async def _read_cursor(self) -> str:
        return str(HistoryCursor(str(int((await read_profile(self._client))["historyId"])), self._clock()))

    async def fetch(self, external_id: str) -> Source | None:
        """The mail as it arrived, with Gmail's thread, labels and time; None where it was deleted."""
        with reading("a mail"):
            mail = await read_existing(
                self._client, lambda users: users.messages().get(userId="me", id=external_id, format="raw")
            )
            if mail is None:
                return None
            return Source(self.channel, self.inbox, external_id, _decode_raw(mail), _read_facts(mail))

    def parse(self, source: Source) -> Parsed:
        """What the mail says; nothing of one that is our own, a draft or spam by now."""
        skipped = SKIPPED_LABELS.intersection(source.facts.get("labels", "").split(","))
        if skipped:
            return Parsed(ignored=(f"a mail with the label {min(skipped)}",))
        return parse_mail(source, self._account, max_file_bytes=self._max_file_bytes)

    async def watch(self) -> datetime | None:
        """Have Gmail tell our topic of news in the inbox, for at most seven days; None without a topic."""
        if self._topic is None:
            return None
        order = {"topicName": self._topic, "labelIds": ["INBOX"], "labelFilterBehavior": "include"}
        with reading("the watch"):
            answer = await self._client.read(lambda users: users.watch(userId="me", body=order))
            return read_time(answer["expiration"])

    async def wait_for_news(self, seconds: float) -> None:
        """Wait so long. Whoever hears of news cancels it, and the listing that follows knows."""
        try:
            await self._wait(seconds)
        except asyncio.CancelledError:
            self._is_woken = True
            raise

    async def aclose(self) -> None:
        """Nothing is kept open between calls."""


def _decode_raw(mail: Answer) -> bytes:
    raw = mail["raw"]
    return base64.urlsafe_b64decode(raw + "=" * (-len(raw) % 4))


def _read_facts(mail: Answer) -> dict[str, str]:
    return {
        "thread": str(mail["threadId"]),
        "labels": ",".join(mail.get("labelIds", [])),
        "received_at": read_time(mail["internalDate"]).isoformat(timespec="milliseconds"),
    }
