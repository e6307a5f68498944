"""What the emulated Cloud API remembers and how it behaves."""

import asyncio
import hashlib
import hmac
import json
import random
import secrets
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import httpx
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from tests.emulators.meta_payloads import (
    NUMBER_ID,
    PHONE,
    USER_ID,
    Json,
    build_contact,
    build_message,
    build_status,
    build_value,
    build_webhook,
)

RETRY_SECONDS = 0.2
GIVE_UP_SECONDS = 120.0
CONFIGURABLE = frozenset(
    {
        "app_secret", "copies", "number_id", "pair_seconds", "shuffle_seed", "states", "states_first", "token",
        "webhook_url",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Accepted:
    """A message that counts as sent. `outbox` is our opaque data."""

    id: str
    address: str
    kind: str
    text: str
    outbox: str
    body: Json


@dataclass(slots=True)
class MetaCloud:
    """The state of the emulator; all of it in memory."""

    url: str = ""
    number_id: str = NUMBER_ID
    token: str = "meta-token"
    app_secret: str = "meta-secret"
    webhook_url: str = ""
    subscribed_url: str = ""  # what Meta says of itself; webhooks go to `webhook_url`
    quality: str = "GREEN"
    states: Sequence[str] = ()
    states_first: bool = False
    copies: int = 1
    shuffle_seed: int | None = None
    pair_seconds: float = 0.0
    accepted: list[Accepted] = field(default_factory=list)
    webhooks: list[Json] = field(default_factory=list)
    files: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    faults: dict[str, deque[str]] = field(default_factory=dict)
    seen: list[Json] = field(default_factory=list)
    _posting: set[asyncio.Task[None]] = field(default_factory=set)
    _last_to: dict[str, float] = field(default_factory=dict)
    _inbound: int = 0
    _shuffled: int = 0
    _run: str = field(default_factory=lambda: secrets.token_hex(4))  # no id of one run comes again in another

    @property
    def api_url(self) -> str:
        """What settings call `api_url`."""
        return f"{self.url}/v23.0"

    def break_next(self, surface: str, *faults: str) -> None:
        """Let the next requests to a surface go wrong, one after another."""
        self.faults.setdefault(surface, deque()).extend(faults)

    def add_file(self, content: bytes, mime_type: str = "image/jpeg") -> str:
        """Keep a file and return its media id."""
        media_id = str(10**15 + len(self.files))
        self.files[media_id] = content, mime_type
        return media_id

    async def take_message(self, request: Request) -> Response:
        """POST /NUMBER_ID/messages."""
        body = await request.json()
        self.seen.append(body)
        fault = await self._draw_fault("messages", request)
        refusal = _find_fault_answer(fault) or self._refuse(request, body)
        if refusal is not None:
            return refusal
        accepted = self._accept(body)
        phone = body.get("to", "").lstrip("+") or None
        statuses = [build_status(state, accepted.id, accepted.outbox, phone=phone) for state in self.states]
        contact = build_contact(phone, body.get("recipient", USER_ID))
        posting = self.post_webhooks(build_value(contacts=[contact], statuses=[status]) for status in statuses)
        if self.states_first:
            await posting
        if fault == "drop":
            return await _hang_up(request)
        if fault == "accept-500":
            return _refuse_with(500, 1)
        return JSONResponse(
            {
                "messaging_product": "whatsapp",
                "contacts": [{"input": accepted.address, "wa_id": accepted.address.lstrip("+")}],
                "messages": [{"id": accepted.id, "message_status": "accepted"}],
            }
        )

    async def read_object(self, request: Request) -> Response:
        """GET /NUMBER_ID or /MEDIA_ID."""
        is_number = request.path_params["object_id"] == self.number_id
        return await (self.read_number(request) if is_number else self.locate_file(request))

    async def read_number(self, request: Request) -> Response:
        """Our number, with the fields that were asked for."""
        answer = _find_fault_answer(await self._draw_fault("number", request)) or self._refuse_token(request)
        if answer is not None:
            return answer
        number = {
            "display_phone_number": "+1 555-0100",
            "verified_name": "Harborline",
            "quality_rating": self.quality,
            "webhook_configuration": {"application": self.subscribed_url} if self.subscribed_url else {},
        }
        wanted = request.query_params["fields"].split(",")
        return JSONResponse({name: number[name] for name in wanted} | {"id": self.number_id})

    async def locate_file(self, request: Request) -> Response:
        """GET /MEDIA_ID."""
        answer = _find_fault_answer(await self._draw_fault("locate", request)) or self._refuse_token(request)
        if answer is not None:
            return answer
        media_id = request.path_params["object_id"]
        if media_id not in self.files:
            return _refuse_with(400, 100, subcode=33)
        content, mime_type = self.files[media_id]
        return JSONResponse(
            {
                "messaging_product": "whatsapp",
                "url": f"{self.url}/content/{media_id}",
                "mime_type": mime_type,
                "sha256": hashlib.sha256(content).hexdigest(),
                "file_size": len(content),
                "id": media_id,
            }
        )

    async def serve_file(self, request: Request) -> Response:
        """GET /content/MEDIA_ID."""
        fault = await self._draw_fault("content", request)
        answer = _find_fault_answer(fault) or self._refuse_token(request)
        if answer is not None:
            return answer
        if fault == "expire":
            return Response(status_code=404)
        content, mime_type = self.files[request.path_params["media_id"]]
        return Response(content[: len(content) // 2] if fault == "damage" else content, media_type=mime_type)

    def write_in(self, messages: Iterable[Json], batch: int = 1) -> asyncio.Task[None]:
        """Let customers write; `batch` messages share a webhook."""
        values = [self._build_inbound(message) for message in messages]
        batches = [values[start : start + batch] for start in range(0, len(values), batch)]
        return self.post_webhooks(_merge(batch) for batch in batches)

    def post_webhooks(self, values: Iterable[Json]) -> asyncio.Task[None]:
        """Post each value as a webhook, one after another, as often and in the order that is configured."""
        bodies = [json.dumps(build_webhook(value), ensure_ascii=False).encode() for value in values] * self.copies
        if self.shuffle_seed is not None:
            # One permutation for all sets would never change the order of two webhooks, or always.
            random.Random(f"{self.shuffle_seed}/{self._shuffled}").shuffle(bodies)
            self._shuffled += 1
        task = asyncio.create_task(self._post_all(bodies if self.webhook_url else []))
        self._posting.add(task)
        task.add_done_callback(self._posting.discard)
        return task

    async def settle(self) -> None:
        """Return when every webhook has been taken."""
        while self._posting:
            await asyncio.gather(*self._posting)

    async def aclose(self) -> None:
        """Stop posting."""
        for task in (posting := list(self._posting)):
            task.cancel()
        await asyncio.gather(*posting, return_exceptions=True)

    def configure(self, settings: Json) -> None:
        """Change any of the settings that the module's description names."""
        for name, value in settings.items():
            if name not in CONFIGURABLE:
                raise KeyError(name)
            setattr(self, name, value)

    async def _draw_fault(self, surface: str, request: Request) -> str:
        fault = self.faults[surface].popleft() if self.faults.get(surface) else "ok"
        if fault.startswith("slow:"):
            await asyncio.sleep(float(fault.partition(":")[2]))
        if fault == "refuse":
            await _hang_up(request)
        return fault

    def _refuse_token(self, request: Request) -> Response | None:
        given = request.headers.get("authorization", "")
        return None if given == f"Bearer {self.token}" else _refuse_with(401, 190)

    def _refuse(self, request: Request, body: Json) -> Response | None:
        """What Meta checks before it accepts a message."""
        address = body.get("to") or body.get("recipient")
        if (refusal := self._refuse_token(request)) is not None:
            return refusal
        if request.path_params["number_id"] != self.number_id:
            return _refuse_with(400, 100, subcode=33)
        if not address or body.get("messaging_product") != "whatsapp" or body.get("type") not in body:
            return _refuse_with(400, 131008)
        if len(body.get("text", {}).get("body", "")) > 4_096 or len(body.get("biz_opaque_callback_data", "")) > 512:
            return _refuse_with(400, 131009)
        now = time.monotonic()
        if now - self._last_to.get(address, float("-inf")) < self.pair_seconds:
            return _refuse_with(400, 131056)
        self._last_to[address] = now
        return None

    def _accept(self, body: Json) -> Accepted:
        accepted = Accepted(
            id=f"wamid.{self._run}.OUT{len(self.accepted)}",
            address=body.get("to") or body["recipient"],
            kind=body["type"],
            text=body.get("text", {}).get("body", ""),
            outbox=body.get("biz_opaque_callback_data", ""),
            body=body,
        )
        self.accepted.append(accepted)
        return accepted

    def _build_inbound(self, wanted: Json) -> Json:
        self._inbound += 1
        fields: Json = {"kind": "text", "id": f"wamid.{self._run}.IN{self._inbound}", "phone": PHONE} | wanted
        fields.setdefault("user_id", USER_ID if fields["phone"] == PHONE else f"US.{fields['phone']}")
        kind, name, phone, user_id = (fields.pop(key) for key in ("kind", "id", "phone", "user_id"))
        contact = build_contact(phone, user_id, fields.pop("name", "Alice Example"))
        if "text" in fields:
            fields["text"] = {"body": fields["text"]}
        message = build_message(kind, name, phone=phone, user_id=user_id, **fields)
        return build_value(contacts=[contact], messages=[message], number_id=self.number_id)

    async def _post_all(self, bodies: Sequence[bytes]) -> None:
        async with httpx.AsyncClient(timeout=10) as client:
            for body in bodies:
                await self._post_until_taken(client, body)

    async def _post_until_taken(self, client: httpx.AsyncClient, body: bytes) -> None:
        """Meta posts again what is not answered 2xx, for days; this one for two minutes."""
        given_up_at = time.monotonic() + GIVE_UP_SECONDS
        headers = {"content-type": "application/json", "x-hub-signature-256": _sign(self.app_secret, body)}
        while time.monotonic() < given_up_at:
            try:
                status = (await client.post(self.webhook_url, content=body, headers=headers)).status_code
            except httpx.HTTPError:
                status = 0
            self.webhooks.append({"status": status, "body": json.loads(body)})
            if 200 <= status < 300:
                return
            await asyncio.sleep(RETRY_SECONDS)


def _find_fault_answer(fault: str) -> Response | None:
    name, _, argument = fault.partition(":")
    if name == "error":
        return _refuse_with(400, int(argument))
    if name == "answer":
        return Response(argument, media_type="application/json")
    answers = {
        "429": JSONResponse({"error": {"code": 4, "message": "(#4) Too many calls"}}, 429, {"retry-after": "7"}),
        "500": JSONResponse({"error": {"code": 131016, "message": "(#131016) Service unavailable"}}, 500),
        "html": HTMLResponse("<html><body>Sorry, something went wrong.</body></html>", 503),
        "refuse": Response(status_code=500),
    }
    return answers.get(fault)


def _refuse_with(status: int, code: int, *, subcode: int | None = None) -> Response:
    error: Json = {
        "message": f"(#{code}) Refused by the emulator",
        "type": "OAuthException",
        "code": code,
        "error_data": {"messaging_product": "whatsapp", "details": "As it was told to."},
        "fbtrace_id": "AbCdEfGhIjK",
    }
    return JSONResponse({"error": error | ({} if subcode is None else {"error_subcode": subcode})}, status)


async def _hang_up(request: Request) -> Response:
    """Reset the connection without a byte of an answer; uvicorn's request cycle knows its transport."""
    request.receive.__self__.transport.abort()  # type: ignore[attr-defined]
    while (await request.receive())["type"] != "http.disconnect":
        pass
    return Response()


def _merge(values: Sequence[Json]) -> Json:
    """One value with the messages of several, and each sender's contact once."""
    contacts = {json.dumps(contact): contact for value in values for contact in value["contacts"]}
    messages = [message for value in values for message in value["messages"]]
    return build_value(
        contacts=list(contacts.values()),
        messages=messages,
        number_id=values[0]["metadata"]["phone_number_id"],
    )


def _sign(app_secret: str, body: bytes) -> str:
    return "sha256=" + hmac.new(app_secret.encode(), body, hashlib.sha256).hexdigest()
