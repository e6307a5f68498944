"""A mailbox on a real server, and pollers for it."""

import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from itertools import count

from pydantic import SecretStr

from channels.mail.account import MailAccount
from channels.mailbox.imap import ImapAccess
from channels.mailbox.poll import MailboxPoller
from tests.emulators.dovecot import PASSWORD, Dovecot

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


@dataclass(slots=True)
class Desk:
    """One mailbox on a server."""

    server: Dovecot
    address: str
    _numbers: Iterator[int] = field(default_factory=count)

    def deliver(self, text: str, *, folder: str = "INBOX", sender: str = "alice@example.org") -> bytes:
        """Deliver a mail and return it as it is stored."""
        mail = EmailMessage()
        mail["From"] = f"Alice <{sender}>"
        mail["To"] = self.address
        mail["Subject"] = "A question"
        mail["Date"] = format_datetime(NOW)
        mail["Message-ID"] = f"<{next(self._numbers)}@example.org>"
        mail.set_content(text)
        return self.deliver_bytes(mail.as_bytes().replace(b"\n", b"\r\n"), folder=folder)

    def deliver_bytes(self, mail: bytes, *, folder: str = "INBOX") -> bytes:
        """Deliver these bytes."""
        self.server.deliver(self.address, mail, folder)
        return mail

    @property
    def account(self) -> MailAccount:
        """Whose mail it is."""
        return MailAccount("mailbox", self.address, "Harborline Support Team")


@dataclass(slots=True)
class Waits:
    """Waits that are over at once, and how long they would have been."""

    seconds: list[float] = field(default_factory=list)

    async def __call__(self, seconds: float) -> None:
        """Do not wait."""
        self.seconds.append(seconds)


def make_access(
    desk: Desk,
    *,
    port: int | None = None,
    folder: str = "INBOX",
    tls: ssl.SSLContext | None = None,
    password: str = PASSWORD,
    command_seconds: float = 10.0,
    host: str = "127.0.0.1",
) -> ImapAccess:
    """How the desk reaches its mailbox."""
    return ImapAccess(
        host=host,
        port=port or (desk.server.tls_port if tls else desk.server.port),
        user=desk.address,
        password=SecretStr(password),
        folder=folder,
        tls=tls,
        command_seconds=command_seconds,
    )


def make_poller(desk: Desk, access: ImapAccess | None = None, waits: Waits | None = None) -> MailboxPoller:
    """A poller that has not connected yet."""
    return MailboxPoller(access or make_access(desk), desk.account, wait=waits or Waits())


def read_text(mail: bytes) -> str:
    """The body of a plain mail."""
    return mail.partition(b"\r\n\r\n")[2].decode().strip()


async def read_all(poller: MailboxPoller, ids: tuple[str, ...]) -> list[str]:
    """The bodies of these mails."""
    sources = [await poller.fetch(external_id) for external_id in ids]
    return [read_text(source.body) for source in sources if source is not None]
