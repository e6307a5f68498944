"""Where vendors call: verified, stored and taken in before they are answered."""

from collections import Counter
from dataclasses import replace
from hashlib import sha256
from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import PlainTextResponse

from api.access import VENDOR
from api.desk import Desk, DeskDep
from api.problems import Problem
from channels.base import BadSignature, MalformedSource, Receiver, VendorAway, WebhookRequest
from core.logging import get_logger
from database import intake
from database.intake import TakenIn
from database.notify import INBOX_CHANNEL, OUTBOX_CHANNEL, TICKET_CHANNEL, WAKE_CHANNEL
from database.patience import is_passing
from database.queries import sources
from database.types import Parsed, Source, SourceId

_log = get_logger(__name__)
router = APIRouter(prefix="/webhooks", tags=["webhooks"], dependencies=[Depends(VENDOR)])

_UNKNOWN = "No channel takes webhooks at this address; is it configured?"


def _describe_answer(*media_types: str) -> dict[int | str, dict[str, Any]]:
    """What vendors want to hear, each in its own form."""
    return {200: {"description": "Taken in", "content": {name: {} for name in media_types}}}


@router.get("/{address:path}", response_class=PlainTextResponse, responses=_describe_answer("text/plain"))
async def confirm_webhook(address: str, request: Request, desk: DeskDep) -> Response:
    """A vendor asks whether this address is ours before it sends anything."""
    receiver = _find_receiver(desk, address)
    answer = receiver.confirm(await _read_request(desk, request))
    if answer is None:
        raise Problem(403, "This is not the token that was agreed on.")
    return Response(answer, media_type="text/plain")


@router.post(
    "/{address:path}",
    response_class=Response,
    responses=_describe_answer("application/json", "text/plain", "text/xml"),
)
async def receive_webhook(address: str, request: Request, desk: DeskDep) -> Response:
    """Take what a vendor sends. Answered 2xx only when it is committed, and also when it is nothing to us."""
    receiver = _find_receiver(desk, address)
    webhook = await _read_request(desk, request)
    try:
        await receiver.verify(webhook)
    except BadSignature as error:
        _log.warning("webhook refused", address=address, reason=str(error))
        raise Problem(error.status, "The request does not prove who sent it.") from None
    except VendorAway as error:
        _log.warning("webhook cannot be verified now", address=address, reason=str(error))
        detail = "The request cannot be verified at the moment; send it again."
        raise Problem(503, detail, headers={"Retry-After": "10"}) from None
    await _take_in(desk, receiver, address, describe_request(receiver, webhook))
    media_type, body = receiver.answer
    return Response(body, media_type=media_type)


def describe_request(receiver: Receiver, webhook: WebhookRequest) -> Source:
    """The request as a source: the same bytes at the same address are the same source."""
    name = sha256(webhook.url.encode() + b"\0" + webhook.body).hexdigest()
    facts = {"url": webhook.url, "content_type": webhook.headers.get("content-type", "")}
    return Source(receiver.channel, "", name, webhook.body, facts)


async def _take_in(desk: Desk, receiver: Receiver, address: str, source: Source) -> None:
    parsed, malformed = _read(receiver, source)
    try:
        taken = await _store(desk, address, source, parsed, malformed)
    except Exception as error:
        if is_passing(error):
            raise
        # The vendor would send it again and again, or never: it is kept, and a person gets it.
        _log.exception("a webhook could not be taken in", address=address)
        reason = f"it could not be taken in ({type(error).__name__})"
        taken = await _store(desk, address, source, intake.describe_unreadable(source, reason), reason)
    _announce(desk, address, taken)


def _read(receiver: Receiver, source: Source) -> tuple[Parsed, str | None]:
    """What a request says, and why it cannot be read, if so."""
    try:
        return receiver.parse(source), None
    except MalformedSource as error:
        return Parsed(ignored=("malformed",)), str(error)[:500]
    except Exception as error:  # noqa: BLE001  # the vendor would send it again and again
        _log.exception("the parser broke", channel=source.channel, external_id=source.external_id)
        reason = f"the parser broke ({type(error).__name__})"
        return intake.describe_unreadable(source, reason), reason


async def _store(desk: Desk, address: str, source: Source, parsed: Parsed, malformed: str | None) -> TakenIn:
    """Everything in one transaction, or nothing."""
    async with desk.pool.acquire() as conn, conn.transaction():
        source_id: SourceId | None = None
        if malformed is not None:
            source_id = await sources.keep_source(conn, source, origin=address, state="malformed", reason=malformed)
        elif parsed.messages or parsed.revoked:
            if parsed.revoked and await sources.is_known(conn, source):
                parsed = replace(parsed, revoked=())  # else a repetition would take the new owner's proof
            source_id = await sources.keep_source(conn, source, origin=address, state="stored")
        return await intake.take_in(conn, source.channel, source_id, parsed)


def _announce(desk: Desk, address: str, taken: TakenIn) -> None:
    for published in taken.published:
        if published.is_new:
            _log.info("message queued", message_id=str(published.message_id), thread_id=str(published.thread_id))
            desk.notifier.notify(WAKE_CHANNEL)
    if taken.has_moved:
        desk.notifier.notify(OUTBOX_CHANNEL)
        desk.notifier.notify(TICKET_CHANNEL)
    for inbox in taken.woken:
        desk.notifier.notify(INBOX_CHANNEL, inbox)
    if taken.ignored or taken.unmatched:
        ignored = dict(taken.ignored + Counter({"report on a reply that is not ours": taken.unmatched}))
        desk.ignored.update(ignored)
        _log.info("webhook events ignored", address=address, events=ignored, since_start=dict(desk.ignored))


def _find_receiver(desk: Desk, address: str) -> Receiver:
    receiver = desk.receivers.get(address)
    if receiver is None:
        raise Problem(404, _UNKNOWN)
    return receiver


async def _read_request(desk: Desk, request: Request) -> WebhookRequest:
    """The request under its public address: proxies change host and scheme, and vendors sign what they called."""
    query = request.scope["query_string"].decode("latin-1")
    path = request.scope["raw_path"].decode("latin-1")
    base = desk.settings.api.public_url or f"{request.url.scheme}://{request.url.netloc}"
    headers = {name.lower(): value for name, value in request.headers.items()}
    return WebhookRequest(f"{base}{path}{'?' if query else ''}{query}", headers, await request.body())
