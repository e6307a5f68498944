"""Sending through Gmail: once, in the customer's thread, and what each refusal means for the reply."""

import base64

from channels.base import (
    DeliveryFailed,
    DeliveryUncertain,
    InboxBlocked,
    RateLimited,
    Receipt,
    SignInNeeded,
    VendorAway,
)
from channels.gmail.answers import read_header
from channels.gmail.client import Answer, AnswerLost, GmailClient, TokenRefused, read_profile
from channels.gmail.refusal import GmailRefused, Refusal
from channels.gmail.transport import NotReached
from channels.mail.account import MailAccount
from channels.mail.compose import build_mail_id, compose_mail, render_mail
from core.clock import Clock, read_system_clock
from core.logging import get_logger
from database.types import MailPath, OutboundMessage

# "maxSize" of users.messages.send in Google's discovery document.
MAX_BYTES = 36_700_160
# Where Gmail says "too fast" and not for how long.
_RATE_SECONDS = 30.0
# More patience than this is a limit of the day: trying until the attempts are used up would lose the reply.
_LONG_WAIT = 300.0

_log = get_logger(__name__)


class GmailSender:
    """Sends the replies of one mailbox. Gmail knows no key for repetitions, so nothing is ever sent twice."""

    is_repeatable = False

    def __init__(self, client: GmailClient, account: MailAccount, *, clock: Clock = read_system_clock) -> None:
        self._client = client
        self._account = account
        self._clock = clock

    async def send(self, message: OutboundMessage) -> Receipt:
        """Send one reply, once. Raises DeliveryFailed, RateLimited, InboxBlocked, DeliveryUncertain or SignInNeeded."""
        body = self._build_body(message)
        await message.hand_over()
        try:
            sent = await self._client.call_once(lambda users: users.messages().send(userId="me", body=body))
        except TokenRefused as error:
            await self._check_sign_in()
            raise DeliveryFailed(str(error), permanent=False) from None
        except GmailRefused as error:
            raise _judge(error.refusal) from None
        except NotReached as error:
            raise DeliveryFailed(f"Gmail cannot be reached: {error}", permanent=False) from None
        except AnswerLost as error:
            raise DeliveryUncertain(str(error)) from None
        if not isinstance(sent.get("id"), str):
            raise DeliveryUncertain("Gmail's answer names no mail")
        return build_receipt(message, self._account, sent | await self._read_back(sent["id"]))

    def _build_body(self, message: OutboundMessage) -> dict[str, str]:
        if message.inbox != self._account.address or not isinstance(message.path, MailPath):
            raise DeliveryFailed("the reply is not for a thread of this mailbox", permanent=True)
        mail = render_mail(compose_mail(message, self._account, clock=self._clock))
        if len(mail) > MAX_BYTES:
            raise DeliveryFailed(f"the mail has {len(mail)} bytes; Gmail takes {MAX_BYTES}", permanent=True)
        body = {"raw": base64.urlsafe_b64encode(mail).decode()}
        # Gmail joins a thread only where its id, References and Subject agree: the composed mail has the other two.
        if message.path.vendor_thread:
            body["threadId"] = message.path.vendor_thread
        return body

    async def _check_sign_in(self) -> None:
        """Raise SignInNeeded if Gmail refuses a new access token as well."""
        try:
            await read_profile(self._client)
        except (VendorAway, GmailRefused):
            return  # nothing is known, and the reply waits for its next attempt either way

    async def _read_back(self, vendor_id: str) -> Answer:
        """What Gmail made of the mail: it replaces the Message-ID, and replies will name the new one.

        Asked once. The mail is sent whatever comes back, so a failure costs only that key of the thread.
        """
        try:
            return await self._client.call_once(
                lambda users: users.messages().get(
                    userId="me", id=vendor_id, format="metadata", metadataHeaders=["Message-ID"]
                )
            )
        except (TokenRefused, GmailRefused, NotReached, AnswerLost, SignInNeeded) as error:
            _log.warning("a sent mail could not be read back", vendor_id=vendor_id, reason=str(error))
            return {}


def build_receipt(message: OutboundMessage, account: MailAccount, sent: Answer) -> Receipt:
    """The receipt for a mail as Gmail has it. A reply to it names our Message-ID, Gmail's or its thread."""
    ours = build_mail_id(message.id, account)
    theirs = read_header(sent, "Message-ID")
    thread = sent.get("threadId")
    keys = [ours, theirs, f"gmail-thread:{thread}" if isinstance(thread, str) else None]
    return Receipt(
        vendor_id=sent["id"],
        mail_id=theirs or ours,
        known_as=tuple(dict.fromkeys(key for key in keys if key)),
    )


def _judge(refusal: Refusal) -> Exception:
    """What a refused send means for the reply. https://developers.google.com/workspace/gmail/api/guides/handle-errors"""
    reason = str(refusal)
    if refusal.is_sign_in:
        return SignInNeeded(reason)
    if refusal.is_rate:
        seconds = refusal.retry_after or _RATE_SECONDS
        return (InboxBlocked if seconds > _LONG_WAIT else RateLimited)(reason, retry_after=seconds)
    if refusal.status == 403 or "FAILED_PRECONDITION" in refusal.reasons or "failedPrecondition" in refusal.reasons:
        return InboxBlocked(reason)
    if refusal.status == 408 or not 400 <= refusal.status < 500:
        # A gateway says this as well of what the server behind it has done.
        return DeliveryUncertain(reason)
    return DeliveryFailed(reason, permanent=True)
