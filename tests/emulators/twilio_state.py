"""What the emulated Twilio knows: messages both ways, files, and what it was told to do wrong."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

API = "/2010-04-01/Accounts"


@dataclass(slots=True)
class Account:
    """Whose API this is. The number is E.164 without prefix; a shared key signs with SHA-256 where `key_sid` is set.

    `sender_status` is how the number stands on WhatsApp, None where it is not a sender of this account, and `webhook`
    where its messages are posted to.
    """

    sid: str = "AC" + "0" * 31 + "1"
    auth_token: str = "emulated-auth-token"
    number: str = "+15550100"
    key_sid: str | None = None
    key_secret: str = "emulated-shared-key"
    status: str = "active"
    kind: str = "Full"
    sender_status: str | None = "ONLINE"
    webhook: str = ""

    def describe(self) -> dict[str, Any]:
        """The Account resource, without what nobody reads."""
        return {"sid": self.sid, "friendly_name": "Harborline", "status": self.status, "type": self.kind}

    def list_senders(self) -> list[dict[str, Any]]:
        """The Sender resources."""
        if self.sender_status is None:
            return []
        webhook = {"callback_url": self.webhook, "callback_method": "POST"} if self.webhook else None
        sid, sender_id = "XE" + "0" * 32, f"whatsapp:{self.number}"
        return [{"sid": sid, "sender_id": sender_id, "status": self.sender_status, "webhook": webhook}]


@dataclass(slots=True)
class Message:
    """One message, either way. `date_sent` is None while it waits in Twilio's queue."""

    sid: str
    sender: str
    to: str
    body: str
    direction: Literal["inbound", "outbound-api"]
    created: datetime
    sent: datetime | None
    status: str
    callback: str | None = None
    content_sid: str | None = None
    content_variables: str | None = None
    error_code: int | None = None
    media: list[str] = field(default_factory=list)

    @property
    def outbox(self) -> str | None:
        """Our own id of it, out of the callback's URL."""
        values = parse_qs(urlsplit(self.callback or "").query).get("outbox", [])
        return values[0] if values else None

    def describe(self, account: str) -> dict[str, Any]:
        """The Message resource."""
        uri = f"{API}/{account}/Messages/{self.sid}"
        return {
            "sid": self.sid,
            "account_sid": account,
            "from": self.sender,
            "to": self.to,
            "body": self.body,
            "direction": self.direction,
            "status": self.status,
            "num_media": str(len(self.media)),
            "num_segments": "1",
            "date_created": format_datetime(self.created),
            "date_updated": format_datetime(self.sent or self.created),
            "date_sent": format_datetime(self.sent) if self.sent else None,
            "error_code": self.error_code,
            "error_message": None,
            "messaging_service_sid": None,
            "price": None,
            "price_unit": None,
            "api_version": "2010-04-01",
            "uri": f"{uri}.json",
            "subresource_uris": {"media": f"{uri}/Media.json"},
        }


@dataclass(slots=True)
class Fault:
    """What goes wrong with the next `times` requests of a kind.

    Before anything is accepted: `error` (JSON with `code`), `html`, `drop`. After it: `accepted_drop`,
    `accepted_html`, `accepted_garbled`, `accepted_slow` (an answer after `seconds`).
    """

    on: Literal["account", "create", "fetch", "list", "media", "senders"]
    kind: Literal["error", "html", "drop", "accepted_drop", "accepted_html", "accepted_garbled", "accepted_slow"]
    times: int = 1
    status: int = 503
    code: int | None = None
    retry_after: int | None = None
    seconds: float = 0.0


@dataclass(slots=True)
class CallbackPlan:
    """Which statuses follow a message, each as `status` or `status:error code`, and how they are delivered."""

    statuses: list[str] = field(default_factory=lambda: ["sent", "delivered"])
    before_answer: bool = False
    reverse: bool = False
    repeat: int = 1
    seconds: float = 0.0


@dataclass(slots=True)
class State:
    """Everything, in memory. `callbacks` and `webhooks` hold each attempt with the status it was answered with."""

    account: Account = field(default_factory=Account)
    url: str = ""
    messages: dict[str, Message] = field(default_factory=dict)
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    opted_out: set[str] = field(default_factory=set)
    faults: list[Fault] = field(default_factory=list)
    plan: CallbackPlan = field(default_factory=CallbackPlan)
    callbacks: list[dict[str, Any]] = field(default_factory=list)
    webhooks: list[dict[str, Any]] = field(default_factory=list)
    requests: Counter[str] = field(default_factory=Counter)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    clock_skew: timedelta = timedelta()
    leaked_passwords: int = 0
    last_number: int = 0

    async def clear(self) -> None:
        """Forget everything, once what is under way is done."""
        await asyncio.gather(*self.tasks)
        fresh = State(url=self.url)
        for each in fields(self):
            setattr(self, each.name, getattr(fresh, each.name))

    def now(self) -> datetime:
        """Twilio's clock: whole seconds, and not quite ours."""
        return (datetime.now(UTC) + self.clock_skew).replace(microsecond=0)

    def name(self, prefix: str) -> str:
        """A SID that rises."""
        self.last_number += 1
        return f"{prefix}{self.last_number:032x}"

    def take_fault(self, on: str) -> Fault | None:
        """The fault of this request, if one was ordered."""
        for fault in self.faults:
            if fault.on == on and fault.times > 0:
                fault.times -= 1
                return fault
        return None

    def list_outbound(self) -> list[Message]:
        """What was accepted for customers, in order."""
        return [message for message in self.messages.values() if message.direction == "outbound-api"]
