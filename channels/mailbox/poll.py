"""Looking into a mailbox: what is new since a cursor, each message whole, and waiting for more."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta

from channels.base import Listing, SignInNeeded, VendorAway
from channels.mail.account import MailAccount
from channels.mail.body import MAX_FILE_BYTES
from channels.mail.parse import parse_mail
from channels.mailbox.imap import ImapAccess, ImapConnection, Mailbox
from database.types import Channel, Parsed, Source

# What Gmail takes and delivers at most, and about what most servers do.
MAX_MAIL_BYTES = 36 * 1024 * 1024
MAX_HEADER_BYTES = 1024 * 1024
# Routers forget connections that are silent for longer; those of home and hotel networks after five minutes.
IDLE_SECONDS = 290.0
# A server that hangs up on everybody who waits is asked again after this, not at once and for ever.
PAUSE_SECONDS = 10.0
# The server's days begin in a time zone of its own.
_MARGIN = timedelta(days=1)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_OVERSIZE = "oversize"
_FIELD_ENDS = re.compile(rb"\r?\n(?![ \t])")
_CONTENT_FIELD = re.compile(rb"content-", re.IGNORECASE)


class MailboxPoller:
    """Reads one folder of one mailbox over one connection, which also waits for news between the rounds.

    Cursors and external ids are `uidvalidity:uid`. Flags are neither trusted nor set: people use the same mailbox.
    Nothing is ever deleted.
    """

    channel: Channel = "mailbox"

    def __init__(
        self,
        access: ImapAccess,
        account: MailAccount,
        *,
        poll_seconds: float = 60.0,
        max_file_bytes: int = MAX_FILE_BYTES,
        wait: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._access = access
        self._account = account
        self._poll_seconds = poll_seconds
        self._max_file_bytes = max_file_bytes
        self._wait = wait
        self._connection: ImapConnection | None = None
        self._listed: Mailbox | None = None
        self._is_refused = False

    @property
    def inbox(self) -> str:
        """The address of the mailbox."""
        return self._account.address

    @property
    def poll_seconds(self) -> float:
        """How often to look where the server tells of nothing by itself."""
        return self._poll_seconds

    async def list_new(self, cursor: str | None, synced_at: datetime | None) -> Listing:
        """Every message after the cursor, however many.

        When the server has lost or renumbered its UIDs, that is everything which came since the day before
        `synced_at`, or everything there is where that is None; publishing recognises what it has had already.
        Ids of the old numbering cannot be fetched any more, so `synced_at` must not lie behind the listing of one
        that still waits to be fetched.
        """
        connection, mailbox = await self._enter()
        self._listed = mailbox
        known = _read_id(cursor or "")
        if cursor is None:
            found, last = [], mailbox.uid_next - 1
        elif known and known[0] == mailbox.uid_validity and known[1] < mailbox.uid_next:
            last = known[1]
            # With nothing new, `n:*` still means the newest message: `*` may be less than n, and a range has no order.
            found = [uid for uid in await connection.search(f"UID {last + 1}:*") if uid > last]
        else:
            last = mailbox.uid_next - 1
            found = await connection.search(f"SINCE {_write_date(synced_at - _MARGIN)}" if synced_at else "ALL")
        ids = tuple(f"{mailbox.uid_validity}:{uid}" for uid in found)
        return Listing(ids, f"{mailbox.uid_validity}:{max([last, *found])}")

    async def fetch(self, external_id: str) -> Source | None:
        """One message with all its headers, or None if it was deleted or is numbered anew.

        Of one that is larger than any we take, the headers come, and a line that says so.
        """
        uid_validity, uid = _read_id(external_id) or (0, 0)
        connection = await self._connect()
        kept = await connection.look_up(uid) if connection.mailbox.uid_validity == uid_validity else None
        if kept is None:
            # Others may have listed it: a session that was opened earlier sees new messages only when it looks again.
            mailbox = await connection.select()
            kept = await connection.look_up(uid) if mailbox.uid_validity == uid_validity else None
        if kept is None:
            return None
        is_oversize = kept.size > MAX_MAIL_BYTES
        fetching = connection.fetch_headers(uid, MAX_HEADER_BYTES) if is_oversize else connection.fetch_body(uid)
        body = await fetching
        if body is None:
            return None
        facts = {"received_at": kept.arrived_at.isoformat()} if kept.arrived_at else {}
        source = Source(self.channel, self.inbox, external_id, body, facts)
        return _replace_content(source, kept.size) if is_oversize else source

    def parse(self, source: Source) -> Parsed:
        """Read what was fetched. A person gets what was too large to be fetched whole."""
        parsed = parse_mail(source, self._account, max_file_bytes=self._max_file_bytes)
        if _OVERSIZE not in source.facts:
            return parsed
        problem = f"its {source.facts[_OVERSIZE]} bytes are too many to be fetched; it is in the mailbox"
        return replace(
            parsed, messages=tuple(message.model_copy(update={"problem": problem}) for message in parsed.messages)
        )

    async def watch(self) -> None:
        """IMAP has no lasting subscription: waiting is enough."""

    async def wait_for_news(self, seconds: float) -> None:
        """Return when something arrived, or when the connection broke and a moment has passed.

        A server that cannot tell of news is looked at again after `seconds`, and so is one that refuses our password:
        asking more often would only get the account locked.
        """
        if self._connection is None or not self._connection.is_open:
            await self._wait(seconds if self._is_refused else min(seconds, PAUSE_SECONDS))
            return
        try:
            await self._listen(self._connection, min(seconds, IDLE_SECONDS))
        except VendorAway:
            await self._wait(min(seconds, PAUSE_SECONDS))

    async def aclose(self) -> None:
        """Hang up."""
        if self._connection is not None:
            await self._connection.aclose()

    async def _listen(self, connection: ImapConnection, seconds: float) -> None:
        if await connection.select() != self._listed:
            return  # it came between the listing and now, when nobody would have been told
        if connection.can_idle:
            await connection.idle(seconds)
        else:
            await self._wait(seconds)

    async def _connect(self) -> ImapConnection:
        if self._connection is None or not self._connection.is_open:
            try:
                self._connection = await ImapConnection.open(self._access)
            except SignInNeeded:
                self._is_refused = True
                raise
            self._is_refused = False
        return self._connection

    async def _enter(self) -> tuple[ImapConnection, Mailbox]:
        """The connection, and the folder as it is now."""
        if self._connection is not None and self._connection.is_open:
            return self._connection, await self._connection.select()
        connection = await self._connect()
        return connection, connection.mailbox


def _read_id(text: str) -> tuple[int, int] | None:
    uid_validity, _, uid = text.partition(":")
    return (int(uid_validity), int(uid)) if uid_validity.isdecimal() and uid.isdecimal() else None


def _write_date(moment: datetime) -> str:
    """As IMAP wants it, in English whatever our locale is."""
    return f"{moment.day}-{_MONTHS[moment.month - 1]}-{moment.year}"


def _replace_content(headers: Source, size: int) -> Source:
    """A mail of these headers whose content is a line about what is missing."""
    fields = [field for field in _FIELD_ENDS.split(headers.body) if field and not _CONTENT_FIELD.match(field)]
    note = f"[This message has {size:,} bytes, too many to be fetched. It is in the mailbox.]"
    body = b"\r\n".join([*fields, b"Content-Type: text/plain; charset=utf-8", b"", note.encode(), b""])
    return replace(headers, body=body, facts={**headers.facts, _OVERSIZE: str(size)})
