"""A receiver that reads what a test wants, at an address of the running application."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from uuid import uuid4

import httpx

from channels.base import Receiver, WebhookRequest
from core.settings import ApiSettings
from database.types import Channel, Identity, InboundMessage, Parsed, Source, WhatsAppPath
from tests.api.service import Service

PUBLIC_URL = "https://desk.example.com"
INBOX = "+15550100"
ADDRESS = "whatsapp"

Read = Callable[[Source], Parsed]


def make_chat(text: str = "Where is my order?", **changes: object) -> InboundMessage:
    """A message on WhatsApp; a new one every time unless it is given an external id."""
    phone = "+15550199"
    message = InboundMessage(
        channel="whatsapp",
        inbox=INBOX,
        contact=phone,
        external_id=uuid4().hex,
        fingerprint="f" * 64,
        sender=Identity(kind="whatsapp", value=phone, level="proven", name="Alice Abbott"),
        text=text,
        reply_path=WhatsAppPath(provider="twilio", phone=phone),
    )
    return message.model_copy(update=changes)


@dataclass
class StubReceiver:
    """Stands in for a vendor's receiver. Remembers the requests it was shown, and refuses them if told to."""

    read: Read = field(default=lambda _: Parsed(messages=(make_chat(),)))
    refusal: Exception | None = None
    channel: Channel = "whatsapp"
    answer: tuple[str, str] = ("text/xml", "<Response/>")
    requests: list[WebhookRequest] = field(default_factory=list)

    async def verify(self, request: WebhookRequest) -> None:
        self.requests.append(request)
        if self.refusal is not None:
            raise self.refusal

    def parse(self, source: Source) -> Parsed:
        return self.read(source)

    def confirm(self, request: WebhookRequest) -> str | None:
        self.requests.append(request)
        token, challenge = (request.query.get(name, [""])[0] for name in ("token", "challenge"))
        return challenge if token == "agreed" else None


@contextmanager
def installed(service: Service, receiver: Receiver, address: str = ADDRESS) -> Iterator[None]:
    """The receiver at its address, and a public URL, until the end of the block."""
    before = service.desk
    settings = before.settings.model_copy(update={"api": ApiSettings(public_url=PUBLIC_URL)})
    service.app.state.desk = replace(before, settings=settings, receivers={address: receiver})
    try:
        yield
    finally:
        service.app.state.desk = before


async def post(
    service: Service, body: bytes | None = None, *, address: str = ADDRESS, headers: dict[str, str] | None = None
) -> httpx.Response:
    """A webhook with this body, or with one that nobody else has sent."""
    content = uuid4().hex.encode() if body is None else body
    return await service.client.post(f"/webhooks/{address}", content=content, headers=headers)
