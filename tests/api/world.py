"""A desk in which there is one of everything, for tests that try every route."""

import asyncio
from dataclasses import dataclass
from uuid import UUID

from pydantic import SecretStr
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.channel_settings import MailboxSettings, MetaSettings
from core.settings import Settings
from database.files import PostgresFiles
from database.queries.attachments import add_attachments
from database.types import Attachment, CustomerId, MessageId
from tests.agent.knowledge.desk import make_document, store
from tests.api.callers import Headers, SignIn
from tests.api.people import hire
from tests.api.service import Service
from tests.api.turns import answer, deliver, take_turn
from tests.emulators.meta_payloads import NUMBER_ID

MAILBOX = "help@desk.test"
META_SECRET = "app-secret"
COLLEAGUE = "colleague@example.com"
FILE = b"\x89PNG\r\n\x1a\n" + b"\x00" * 64


@dataclass(frozen=True, slots=True)
class Belongings:
    """A customer who signed in, and what is theirs: a ticket that was answered, with a file."""

    headers: Headers
    email: str
    customer_id: CustomerId
    ref: str
    token: str
    conversation_id: UUID
    file_id: UUID
    reply_id: UUID

    @property
    def holding(self) -> Headers:
        """The headers of whoever holds the ticket's token."""
        return {"Authorization": f"Bearer {self.token}"}


@dataclass(frozen=True, slots=True)
class World:
    """What there is, by the names of the parameters that stand for it."""

    service: Service
    owner: Belongings
    other: Belongings
    agent: Headers
    agent_id: UUID
    admin: Headers
    ids: dict[str, str]


def with_channels(settings: Settings) -> Settings:
    """The settings of a desk with a mailbox and a number on WhatsApp. Only workers would call their servers."""
    mailbox = MailboxSettings(
        address=MAILBOX, password=SecretStr("secret"), imap_host="mail.invalid", smtp_host="mail.invalid"
    )
    meta = MetaSettings(
        phone_number_id=NUMBER_ID,
        access_token=SecretStr("token"),
        app_secret=SecretStr(META_SECRET),
        verify_token=SecretStr("agreed"),
    )
    return settings.model_copy(update={"mailbox": mailbox, "meta": meta})


async def build_world(service: Service) -> World:
    """Everything, made over HTTP or as a worker makes it."""
    sign_in = SignIn(service)
    agent, agent_id = await sign_in.staff()
    admin, _ = await sign_in.staff("Robin Hill", "admin")
    owner = await _settle_in(service, "Ada Byron")
    other = await _settle_in(service, "Ben Moor")
    return World(service, owner, other, agent, agent_id, admin, await _collect_ids(service, admin, owner))


async def _settle_in(service: Service, name: str) -> Belongings:
    headers, email, customer_id = await SignIn(service).customer(name)
    body = {"subject": "Cannot sign in", "message": "How do I reset my password?"}
    accepted = (await service.client.post("/tickets", json=body, headers=headers)).json()
    ref = accepted["ticket_ref"]
    turn = await take_turn(service.pool, ref)
    digest = await PostgresFiles(service.pool).put(FILE)
    message_id = MessageId(turn.lease.messages[0].id)
    file = Attachment(name="box.png", content_type="image/png", size=len(FILE), digest=digest)
    async with service.pool.acquire() as conn:
        await add_attachments(conn, message_id, [file])
        file_id = await conn.fetchval("SELECT id FROM message_attachments WHERE message_id = $1", message_id)
    reply_id = await answer(service.pool, turn, "Choose “Forgot password”.")
    await deliver(service.pool, turn)
    return Belongings(
        headers, email, customer_id, ref, accepted["ticket_token"], turn.conversation_id, file_id, reply_id
    )


async def _collect_ids(service: Service, admin: Headers, owner: Belongings) -> dict[str, str]:
    await store(service.pool, "hours.md", make_document())
    await store(service.pool, "draft.md", make_document("Prices", "It costs nothing.", is_draft=True))
    articles = (await service.client.get("/knowledge/articles", headers=admin)).json()["articles"]
    named = {article["source"]: article["id"] for article in articles}
    upload = await service.client.post(
        "/knowledge/uploads", files={"file": ("new.md", b"# New\n\nText.")}, headers=admin
    )
    test = await service.client.post(
        f"/settings/channels/mailbox/{MAILBOX}/test", json={"to": COLLEAGUE}, headers=admin
    )
    key = await service.client.post("/keys", json={"name": "spare", "scopes": ["tickets:read"]}, headers=admin)
    spare = await hire(service.pool, "agent", name="Kim Dale")
    return {
        "ref": owner.ref,
        "customer_id": str(owner.customer_id),
        "conversation_id": str(owner.conversation_id),
        "file_id": str(owner.file_id),
        "reply_id": str(owner.reply_id),
        "article_id": named["hours.md"],
        "draft_id": named["draft.md"],
        "upload_id": upload.json()["id"],
        "message_id": test.json()["id"],
        "key_id": key.json()["id"],
        "user_id": str(spare.id),
        "channel": "mailbox",
        "inbox": MAILBOX,
        "category": "billing",
        "address": "whatsapp/meta",
    }


class HangUp:
    """A client that hangs up as soon as a stream has begun: in process a live stream would never end."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        begun = asyncio.Event()

        async def send_until_stream(message: Message) -> None:
            if begun.is_set():
                return
            await send(message)
            headers = dict(message.get("headers", ()))
            if headers.get(b"content-type", b"").startswith(b"text/event-stream"):
                begun.set()
                await send({"type": "http.response.body", "body": b"", "more_body": False})

        async def hang_up() -> Message:
            return {"type": "http.disconnect"} if begun.is_set() else await receive()

        answering = asyncio.ensure_future(self._app(scope, hang_up, send_until_stream))
        waiting = asyncio.ensure_future(begun.wait())
        try:
            await asyncio.wait({answering, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if not answering.done():
                answering.cancel()
                await asyncio.gather(answering, return_exceptions=True)
                return
            await answering
        finally:
            waiting.cancel()
