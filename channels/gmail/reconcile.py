"""Asking Gmail whether a reply was sent, where nobody heard the answer."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta

from channels.base import Receipt, VendorAway
from channels.gmail.answers import read_header, reading
from channels.gmail.client import Answer, GmailClient, read_existing
from channels.gmail.history import search
from channels.gmail.send import build_receipt
from channels.mail.account import MailAccount
from channels.mail.compose import REPLY_HEADER
from core.clock import Clock, read_system_clock
from database.types import MailPath, OutboundMessage

_HEADERS = [REPLY_HEADER, "Message-ID"]  # Google's client takes a list alone for a repeated parameter
# Clocks differ. And where the first attempt is unknown, no reply waits longer than this for its fate.
_MARGIN = timedelta(minutes=10)
_LONGEST_GAP = timedelta(days=7)
# Reading each mail that a busy mailbox sent would take its quota from the replies that wait.
_MOST_READ = 25
# What Gmail's search surely takes for one address; anything else might be read as two terms, or as none.
_SEARCHABLE = re.compile(r"[a-z0-9][a-z0-9._+-]*@[a-z0-9.-]+")


class GmailReconciler:
    """Looks for the marker that each of our mails carries among those that this mailbox sent."""

    def __init__(self, client: GmailClient, account: MailAccount, *, clock: Clock = read_system_clock) -> None:
        self._client = client
        self._account = account
        self._clock = clock

    async def find(self, message: OutboundMessage) -> Receipt | None:
        """The receipt of the reply if it was sent. Raises VendorAway or SignInNeeded where Gmail cannot say.

        The label tells our mail from one that a stranger marked with a header seen on an earlier reply.
        """
        with reading("the sent mail"):
            async for mail in self._read_candidates(message):
                if _is_ours(mail, message):
                    return build_receipt(message, self._account, mail)
        return None

    async def _read_candidates(self, message: OutboundMessage) -> AsyncIterator[Answer]:
        """The mails of its thread, then those sent to the customer since: Gmail may have begun another thread with it.

        The oldest come first, for it was sent soon after it was tried. Raises VendorAway where there are too many to
        be read: one of the others may be it.
        """
        seen: set[str] = set()
        if isinstance(message.path, MailPath) and message.path.vendor_thread:
            for mail in await self._read_thread(message.path.vendor_thread):
                seen.add(mail["id"])
                yield mail
        found = await search(self._client, self._write_query(message))
        left = [external_id for external_id in reversed(found) if external_id not in seen]
        for external_id in left[:_MOST_READ]:
            sent = await self._read_mail(external_id)
            if sent is not None:
                yield sent
        if len(left) > _MOST_READ:
            raise VendorAway(f"{len(left)} mails were sent since, too many to look for one among them")

    def _write_query(self, message: OutboundMessage) -> str:
        since = (message.tried_at or self._clock() - _LONGEST_GAP) - _MARGIN
        query = f"in:sent after:{int(since.timestamp())}"
        recipient = message.path.to.lower() if isinstance(message.path, MailPath) else ""
        return f"{query} to:{recipient}" if _SEARCHABLE.fullmatch(recipient) else query

    async def _read_thread(self, thread: str) -> list[Answer]:
        answer = await read_existing(
            self._client,
            lambda users: users.threads().get(userId="me", id=thread, format="metadata", metadataHeaders=_HEADERS),
        )
        return list(answer.get("messages", [])) if answer else []

    async def _read_mail(self, external_id: str) -> Answer | None:
        return await read_existing(
            self._client,
            lambda users: users.messages().get(
                userId="me", id=external_id, format="metadata", metadataHeaders=_HEADERS
            ),
        )


def _is_ours(mail: Answer, message: OutboundMessage) -> bool:
    if "SENT" not in mail.get("labelIds", []):
        return False
    # Gmail gives each sent mail a Message-ID. Without one the headers are not there to be read, and to conclude that
    # the marker is absent would send the reply a second time.
    if read_header(mail, "Message-ID") is None:
        raise ValueError("a sent mail without its headers")
    return read_header(mail, REPLY_HEADER) == str(message.id)
