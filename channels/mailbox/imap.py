"""One IMAP connection: aioimaplib with a deadline on everything, and the two errors that a poller may raise."""

import asyncio
import re
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aioimaplib import aioimaplib
from pydantic import SecretStr

from channels.base import SignInNeeded, VendorAway
from channels.mailbox.answers import Lines, read_arrival, read_body, read_change, read_number, read_uids
from channels.mailbox.folder import encode_folder, quote

# A message may take longer than any other command; its own timeout starts again with every piece that arrives.
TRANSFER_SECONDS = 600.0
GOODBYE_SECONDS = 2.0
LAST_WORDS_SECONDS = 0.1
# RFC 5530: the server cannot sign anybody in at the moment, whatever the password.
_TEMPORARY = re.compile(
    r"\[(?:UNAVAILABLE|INUSE|LIMIT|SERVERBUG|CONTACTADMIN)\]|too many|try again|temporar",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class ImapAccess:
    """Where a mailbox is and who may look into it. Without a context the connection is not encrypted.

    `command_seconds` is how long the server may be silent before it counts as gone.
    """

    host: str
    port: int
    user: str
    password: SecretStr
    folder: str
    tls: ssl.SSLContext | None
    command_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A folder as it was when it was selected. UIDs mean nothing under another `uid_validity`.

    `message_count` rises and falls; two of them are the same if nothing has arrived in between.
    """

    uid_validity: int
    uid_next: int
    message_count: int = field(compare=False)


@dataclass(frozen=True, slots=True)
class KeptMail:
    """What a server says of a message without sending it: its size in bytes, and when it came."""

    size: int
    arrived_at: datetime | None


class ImapConnection:
    """A signed-in connection. After an error or a cancellation it is closed and never used again.

    aioimaplib notices neither a reset nor a black hole by itself: a command waits for ever and the state stays
    SELECTED. So each command here ends at the latest after `command_seconds`, and at once when the connection is lost.
    """

    def __init__(self, access: ImapAccess) -> None:
        self.mailbox = Mailbox(0, 0, 0)
        self.is_open = True
        self._access = access
        self._lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._client = aioimaplib.IMAP4(
            access.host,
            access.port,
            timeout=access.command_seconds,
            conn_lost_cb=self._note_loss,
            ssl_context=access.tls,
        )

    @classmethod
    async def open(cls, access: ImapAccess) -> "ImapConnection":
        """Connect, sign in and select the folder."""
        connection = cls(access)
        await connection._run(connection._client.wait_hello_from_server)
        await connection._sign_in()
        await connection.select()
        return connection

    @property
    def can_idle(self) -> bool:
        """Whether the server tells of news by itself."""
        return bool(self._client.has_capability("IDLE"))

    async def select(self) -> Mailbox:
        """Select the folder, again if need be: only then does the server say how far its UIDs are by now."""
        folder = encode_folder(self._access.folder)
        lines = await self._ask(lambda: self._client.select(folder), "SELECT of MAILBOX_FOLDER")
        uid_validity, uid_next = read_number(lines, "UIDVALIDITY"), read_number(lines, "UIDNEXT")
        if uid_validity is None or uid_next is None:
            raise await self._fail("the server has no lasting UIDs for this folder")
        counts = [change[0] for change in map(read_change, lines) if change]
        self.mailbox = Mailbox(uid_validity, uid_next, counts[0] if counts else 0)
        return self.mailbox

    async def search(self, criteria: str) -> list[int]:
        """The UIDs of all messages that meet the criteria, rising."""
        return read_uids(await self._ask(lambda: self._client.uid_search(criteria, charset=None), "SEARCH"))

    async def look_up(self, uid: int) -> KeptMail | None:
        """What the server says of a message, or None if it is gone."""
        lines = await self._fetch(uid, "(UID RFC822.SIZE INTERNALDATE)")
        size = read_number(lines, "RFC822.SIZE")
        return None if size is None else KeptMail(size, read_arrival(lines))

    async def fetch_body(self, uid: int) -> bytes | None:
        """A message, or None if it is gone. It stays unread for the people who share the mailbox."""
        return read_body(await self._fetch(uid, "(UID BODY.PEEK[])"))

    async def fetch_headers(self, uid: int, max_bytes: int) -> bytes | None:
        """The headers of a message, cut where they are longer than this, or None if it is gone."""
        return read_body(await self._fetch(uid, f"(UID BODY.PEEK[HEADER]<0.{max_bytes}>)"))

    async def idle(self, seconds: float) -> None:
        """Return when a message arrived after the folder was selected, at the latest after so many seconds."""
        idling = await self._run(lambda: self._client.idle_start(seconds))
        await self._run(lambda: self._wait_for_arrival(seconds), seconds=seconds + self._access.command_seconds)
        self._client.idle_done()
        await self._run(lambda: idling)

    async def aclose(self) -> None:
        """Say goodbye if the server still listens, and hang up."""
        if self.is_open:
            with suppress(VendorAway):
                await self._run(self._client.logout, seconds=GOODBYE_SECONDS)
        await self._hang_up()

    async def _sign_in(self) -> None:
        password = self._access.password.get_secret_value()
        answer = await self._run(lambda: self._client.login(quote(self._access.user), password))
        if answer.result == "OK":
            # What a server can do may change with the sign-in.
            await self._run(self._client.protocol.capability)
            return
        await self._hang_up()
        text = b" ".join(answer.lines).decode(errors="replace")
        if answer.result == "BAD" or _TEMPORARY.search(text):
            raise VendorAway("the IMAP server signs nobody in at the moment")
        raise SignInNeeded("the IMAP server refuses MAILBOX_USER with MAILBOX_PASSWORD")

    async def _fetch(self, uid: int, items: str) -> Lines:
        return await self._ask(
            lambda: self._client.uid("fetch", str(uid), items), "FETCH", seconds=TRANSFER_SECONDS, gone=b"EXPUNGE"
        )

    async def _ask(
        self,
        command: Callable[[], Awaitable[Any]],
        name: str,
        *,
        seconds: float | None = None,
        gone: bytes | None = None,
    ) -> Lines:
        answer = await self._run(command, seconds=seconds)
        lines: Lines = answer.lines
        if answer.result == "OK":
            return lines
        if gone and gone in bytes(lines[-1]).upper():
            return []
        raise await self._fail(f"the server answered {answer.result} to {name}")

    async def _wait_for_arrival(self, seconds: float) -> None:
        # Some servers repeat how many messages there are whenever somebody begins to wait: only more of them is news,
        # or else we would look and wait and look without a pause.
        pushes, count = self._client.protocol.idle_queue, self.mailbox.message_count
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while True:
                    for number, word in filter(None, map(read_change, await pushes.get())):
                        if word == "EXISTS" and number > count:
                            return
                        count = number if word == "EXISTS" else count - 1

    async def _run(self, command: Callable[[], Awaitable[Any]], *, seconds: float | None = None) -> Any:  # noqa: ANN401
        """What a command returns. Whatever else happens, the connection is closed: who knows what it would say next."""
        running = asyncio.ensure_future(command())
        try:
            async with asyncio.timeout(seconds or self._access.command_seconds):
                await asyncio.wait({running, self._lost}, return_when=asyncio.FIRST_COMPLETED)
                # A server that refuses a password may hang up in the same breath: hear it out.
                await asyncio.wait({running}, timeout=LAST_WORDS_SECONDS)
            if running.done():
                return running.result()
            reason = "the connection was lost"
        except TimeoutError:
            reason = "the server did not answer in time"
        except (OSError, aioimaplib.AioImapException, ValueError) as error:
            # Not its text: aioimaplib's timeouts quote the command, and LOGIN carries the password.
            reason = f"the connection failed ({type(error).__name__})"
        except asyncio.CancelledError:
            await self._hang_up(running)
            raise
        raise await self._fail(reason, running)

    async def _fail(self, reason: str, running: asyncio.Future[Any] | None = None) -> VendorAway:
        await self._hang_up(running)
        return VendorAway(f"IMAP: {reason}")

    async def _hang_up(self, running: asyncio.Future[Any] | None = None) -> None:
        self.is_open = False
        # What aioimaplib has started would otherwise wait for ever for an answer that nobody can send any more.
        left = [*self._client.tasks, *self._client.protocol.tasks, *([running] if running else [])]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        if (transport := self._client.protocol.transport) is not None:
            transport.abort()
            await asyncio.wait({self._lost}, timeout=GOODBYE_SECONDS)

    def _note_loss(self, _reason: Exception | None) -> None:
        self.is_open = False
        if not self._lost.done():
            self._lost.set_result(None)
