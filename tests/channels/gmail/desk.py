"""Our side of Gmail as a test wants it: waiting without losing time."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from functools import cached_property
from pathlib import Path
from uuid import UUID

from pydantic import SecretStr

from channels.gmail.client import GmailClient
from channels.gmail.poll import GmailPoller
from channels.gmail.reconcile import GmailReconciler
from channels.gmail.send import GmailSender
from channels.gmail.sign_in import GmailSignIn
from channels.mail.account import MailAccount
from core.channel_settings import GmailSettings
from core.ids import new_id
from database.types import ConversationId, MailPath, MessageId, OutboundMessage
from tests.emulators.gmail import ADDRESS
from tests.emulators.gmail_accounts import CLIENT_ID, CLIENT_SECRET, PUSH_ACCOUNT, REFRESH_TOKEN
from tests.emulators.gmail_faults import Fault
from tests.emulators.gmail_rest import Gmail

TOPIC = "projects/desk/topics/gmail"
ACCOUNT = MailAccount("gmail", ADDRESS, "Harborline", authenticator="mx.google.com")
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def make_settings(url: str, **changes: object) -> GmailSettings:
    """The settings of a mailbox at an emulator."""
    base: dict[str, object] = {
        "address": ADDRESS,
        "client_id": CLIENT_ID,
        "client_secret": SecretStr(CLIENT_SECRET),
        "refresh_token": SecretStr(REFRESH_TOKEN),
        "topic": TOPIC,
        "push_account": PUSH_ACCOUNT,
        "api_url": url,
        "token_url": f"{url}/token",
        "certs_url": f"{url}/certs",
    }
    return GmailSettings.model_validate(base | changes)


@dataclass
class Desk:
    """The channel's parts. `waits` are the seconds that each of them waited."""

    url: str
    timeout: float = 10.0
    settings: GmailSettings | None = None
    token_file: Path = Path("/nonexistent/gmail_token")
    clock: datetime = NOW
    waits: list[float] = field(default_factory=list)

    @cached_property
    def client(self) -> GmailClient:
        sign_in = GmailSignIn(self.settings or make_settings(self.url), self.token_file, timeout=self.timeout)
        return GmailClient(self.url, sign_in, timeout=self.timeout, wait=self.wait, draw=lambda: 1.0)

    @cached_property
    def poller(self) -> GmailPoller:
        return GmailPoller(self.client, ACCOUNT, poll_seconds=60, topic=TOPIC, clock=lambda: self.clock, wait=self.wait)

    @cached_property
    def sender(self) -> GmailSender:
        return GmailSender(self.client, ACCOUNT, clock=lambda: self.clock)

    @cached_property
    def reconciler(self) -> GmailReconciler:
        return GmailReconciler(self.client, ACCOUNT, clock=lambda: self.clock)

    def expect(self, fault: Fault) -> None:
        """Have little patience where Gmail will be silent; ample otherwise, for the machine may be busy."""
        self.timeout = 1.0 if fault.kind == "stall" else self.timeout

    async def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        await asyncio.sleep(0)


async def start(desk: Desk) -> str:
    """The cursor of this moment."""
    return (await desk.poller.list_new(None, None)).cursor


def deliver(gmail: Gmail, count: int) -> tuple[str, ...]:
    """So many letters come in; their ids."""
    return tuple(
        gmail.mailbox.deliver(make_mail(message_id=f"<{gmail.mailbox.history_id}-{n}@mail.example.com>")).id
        for n in range(count)
    )


def make_mail(
    text: str = "My order has not come.",
    *,
    subject: str = "Where is my order?",
    message_id: str = "<first@mail.example.com>",
    sender: str = "Alice <alice@example.com>",
    to: str = ADDRESS,
    files: tuple[bytes, ...] = (),
) -> bytes:
    """A customer's mail as Gmail received it."""
    mail = EmailMessage()
    mail["From"] = sender
    mail["To"] = to
    mail["Subject"] = subject
    mail["Message-ID"] = message_id
    mail["Date"] = NOW
    mail["Authentication-Results"] = "mx.google.com; dmarc=pass header.from=example.com"
    mail.set_content(text)
    for number, content in enumerate(files):
        mail.add_attachment(content, maintype="application", subtype="octet-stream", filename=f"file{number}.bin")
    return mail.as_bytes(policy=mail.policy.clone(linesep="\r\n"))


def make_reply(
    *,
    thread: str | None = None,
    number: UUID | None = None,
    to: str = "alice@example.com",
    inbox: str = ADDRESS,
    text: str = "It is on its way.",
    tried_at: datetime | None = None,
) -> OutboundMessage:
    """A committed reply to that mail."""
    return OutboundMessage(
        id=MessageId(number or new_id()),
        conversation_id=ConversationId(UUID(int=6)),
        thread_contact="alice@example.com/0123456789abcdef",
        channel="gmail",
        inbox=inbox,
        text=text,
        attempt=1,
        lease_token=UUID(int=7),
        path=MailPath(
            to=to,
            name="Alice",
            subject="Where is my order?",
            in_reply_to="<first@mail.example.com>",
            references=(),
            vendor_thread=thread,
        ),
        tried_at=tried_at,
    )
