"""Sending replies over SMTP, one connection and one recipient each.

A server answers every step, so up to DATA it is certain that nothing was sent. From then on silence may mean that the
mail is on its way: SMTP has no question for it, and a person decides.
"""

import asyncio
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Literal

from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPDataError,
    SMTPException,
    SMTPRecipientRefused,
    SMTPResponseException,
)
from pydantic import SecretStr

from channels.base import DeliveryFailed, DeliveryUncertain, InboxBlocked, Receipt, SignInNeeded
from channels.mail.account import MailAccount
from channels.mail.compose import compose_mail, render_mail
from core.clock import Clock, read_system_clock
from core.logging import get_logger
from database.types import OutboundMessage

SmtpSecurity = Literal["tls", "starttls", "none"]

GOODBYE_SECONDS = 5.0
_MAX_REASON = 300
_ADDRESS = re.compile(r"[^\s<>:,;]+@[^\s<>:,;]+")
_NEEDS_SIGN_IN = frozenset({530, 534, 535, 538})  # RFC 4954, section 6
_TOO_LARGE = 552
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SmtpAccess:
    """Where mail is handed in and by whom. `tls` is the context that decides which certificates are believed.

    The server has `prepare_seconds` for everything up to DATA, and then `data_seconds` to take the mail, which it may
    scan first: giving up early makes replies uncertain that were sent. Both together, and the time to record the
    result, must fit into the lease under which a reply is sent.
    """

    host: str
    port: int
    user: str
    password: SecretStr
    security: SmtpSecurity
    tls: ssl.SSLContext
    prepare_seconds: float = 15.0
    data_seconds: float = 25.0


class MailboxSender:
    """Delivers replies as mail from the mailbox's own address, which is also where their bounces go.

    The Message-ID is the same whenever a reply is composed, and yet repeating one is harmful: few servers drop a
    second copy. No copy is put into the mailbox's folder of sent mail: the desk has every reply already.
    """

    is_repeatable = False

    def __init__(self, access: SmtpAccess, account: MailAccount, *, clock: Clock = read_system_clock) -> None:
        self._access = access
        self._account = account
        self._clock = clock

    async def send(self, message: OutboundMessage) -> Receipt:
        """Hand in one reply. Nothing here is ever tried twice."""
        mail = compose_mail(message, self._account, clock=self._clock)
        content = render_mail(mail)
        smtp = self._build_client()
        try:
            with _before_data():
                async with asyncio.timeout(self._access.prepare_seconds):
                    await self._sign_in(smtp)
                    await self._announce(smtp, mail, len(content))
            await message.hand_over()
            remark = await self._send_data(smtp, content)
            await _say_goodbye(smtp)
        finally:
            _hang_up(smtp)
        # The server's own name for it, for whoever searches its logs; they use short ones again after a while.
        _log.info("mail handed in", outbox_id=str(message.id), remark=_shorten(remark))
        mail_id = str(mail["Message-ID"])
        return Receipt(mail_id=mail_id, known_as=(mail_id,))

    async def try_sign_in(self) -> None:
        """Sign in and hang up; nothing is sent. Raises as `send` does before it hands anything over."""
        smtp = self._build_client()
        try:
            with _before_data():
                async with asyncio.timeout(self._access.prepare_seconds):
                    await self._sign_in(smtp)
            await _say_goodbye(smtp)
        finally:
            _hang_up(smtp)

    def _build_client(self) -> SMTP:
        access = self._access
        return SMTP(
            hostname=access.host,
            port=access.port,
            # Asking the resolver for our own name takes seconds on some machines, and tells strangers about us.
            local_hostname=self._account.domain,
            timeout=access.prepare_seconds,
            use_tls=access.security == "tls",
            start_tls=access.security == "starttls",
            tls_context=access.tls,
        )

    async def _sign_in(self, smtp: SMTP) -> None:
        """Connect, encrypt and sign in. A server on loopback may let everybody in."""
        await smtp.connect()
        await smtp.ehlo()
        if self._access.security != "none" or smtp.supports_extension("auth"):
            await smtp.login(self._access.user, self._access.password.get_secret_value())

    async def _announce(self, smtp: SMTP, mail: EmailMessage, size: int) -> None:
        """Say from whom, to whom and how much, and hear whether that is welcome."""
        sender, recipient = (mail[name].addresses[0].addr_spec for name in ("From", "To"))
        limit = smtp.esmtp_extensions.get("size", "").strip()
        if limit.isdecimal() and 0 < int(limit) < size:
            raise DeliveryFailed(f"the reply has {size} bytes; the server takes {limit}", permanent=True)
        await smtp.mail(sender, options=[f"SIZE={size}"] if smtp.supports_extension("size") else [])
        await smtp.rcpt(recipient)

    async def _send_data(self, smtp: SMTP, content: bytes) -> str:
        """Send the mail and return the server's remark. Whatever is not a clear answer leaves its fate open."""
        try:
            return (await smtp.data(content, timeout=self._access.data_seconds)).message
        except SMTPDataError as error:
            if 400 <= error.code < 600:
                raise _refuse(error) from None
            raise DeliveryUncertain(f"the server answered {error.code}") from None
        except (SMTPException, OSError) as error:
            raise DeliveryUncertain(f"the server had the mail and fell silent: {type(error).__name__}") from None


@contextmanager
def _before_data() -> Iterator[None]:
    """Whatever goes wrong in here, nothing was sent."""
    try:
        yield
    except SMTPAuthenticationError as error:
        if 400 <= error.code < 500:
            raise DeliveryFailed(f"the server signs nobody in now: {error.code}", permanent=False) from None
        raise SignInNeeded("the SMTP server refuses MAILBOX_USER with MAILBOX_PASSWORD") from None
    except SMTPResponseException as error:
        raise _refuse(error) from None
    except OSError as error:  # all that aiosmtplib says of connections and deadlines is one, too
        if isinstance(error, ssl.SSLError) or isinstance(error.__cause__, ssl.SSLError):
            raise InboxBlocked("the SMTP server cannot prove who it is, or does not encrypt as it should") from None
        raise DeliveryFailed(f"the server was not reached: {type(error).__name__}", permanent=False) from None
    except SMTPException as error:
        raise InboxBlocked(f"the SMTP server lacks what is needed: {_shorten(str(error))}") from None


def _refuse(error: SMTPResponseException) -> Exception:
    """What an answer means that says no: to this mail, to everything from this inbox, or only for now."""
    reason = f"{error.code} {_shorten(error.message)}"
    if not 500 <= error.code < 600:
        return DeliveryFailed(reason, permanent=False)
    if isinstance(error, SMTPRecipientRefused | SMTPDataError) or error.code == _TOO_LARGE:
        return DeliveryFailed(reason, permanent=True)
    return SignInNeeded(reason) if error.code in _NEEDS_SIGN_IN else InboxBlocked(reason)


def _shorten(text: str) -> str:
    """One line of what a server said, without the addresses in it."""
    return " ".join(_ADDRESS.sub("(address)", text).split())[:_MAX_REASON]


async def _say_goodbye(smtp: SMTP) -> None:
    with suppress(SMTPException, OSError):
        await smtp.quit(timeout=GOODBYE_SECONDS)


def _hang_up(smtp: SMTP) -> None:
    transport = smtp.transport
    smtp.close()
    if isinstance(transport, asyncio.WriteTransport):
        transport.abort()  # nobody waits for a goodbye that a dead server never sends
