"""What admins set up: how inboxes behave, whether they can send, and which team a matter goes to."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path
from pydantic import EmailStr, StringConstraints, TypeAdapter, ValidationError

from api.access import ADMIN, allow
from api.audit import AuditDep
from api.desk import Desk, DeskDep
from api.problems import Problem
from api.routes.probe import probe_queue
from api.schemas.settings import (
    ChannelChange,
    ChannelList,
    ChannelTrial,
    ChannelView,
    Overview,
    RouteChange,
    RouteList,
    RouteView,
    TrialView,
)
from channels.registry import LOCAL_INBOXES, list_inboxes
from core.version import VERSION
from database.notify import JOB_CHANNEL
from database.pool import Conn
from database.queries import inboxes, jobs, operations
from database.queries.audit import name_object
from database.queries.customers import look_up_customers
from database.queries.live import SILENT_SECONDS
from database.types import Channel, Facts, IdentifierKind, MailPath, ReplyPath, Route, WhatsAppPath, WhatsAppProvider
from database.types.jobs import JobId, JobView, TrialMessage

router = APIRouter(prefix="/settings", tags=["settings"])

Inbox = Annotated[
    str, Path(max_length=320, pattern=r"^[^\x00-\x1f]+$", description="As the list of channels names it.")
]
_EMAIL: TypeAdapter[str] = TypeAdapter(EmailStr)
_NUMBER: TypeAdapter[str] = TypeAdapter(Annotated[str, StringConstraints(pattern=r"^\+[1-9]\d{6,14}$")])
_NO_INBOX = "There is no such inbox."
_TEXT = (
    "This is a test message from {company}. It shows that {inbox} can send. No customer has written, "
    "and nobody needs to answer."
)


@router.get("/overview", dependencies=[ADMIN])
async def read_overview(desk: DeskDep) -> Overview:
    """What the desk runs with."""
    async with desk.pool.acquire() as conn:
        workers = await operations.list_workers(conn)
    alive = [worker for worker in workers if worker["silent_seconds"] < SILENT_SECONDS]
    settings = desk.settings
    return Overview(
        version=VERSION,
        environment=settings.environment,
        company=settings.company.name,
        team=settings.company.team,
        brain=alive[-1]["brain"] if alive else None,
        model=settings.openai.model if settings.openai.api_key is not None else None,
        workers=len(alive),
        confidence_threshold=settings.agent.confidence_threshold,
        max_automatic_replies=settings.agent.max_automatic_replies,
        learns_resolutions=settings.knowledge.learn_resolutions,
        embedding_provider=settings.embedding.provider,
        ticket_prefix=settings.ticket.prefix,
        promised_minutes=settings.ticket.sla_minutes,
        queue_retention_days=settings.retention.queue_days,
    )


@router.get("/channels", dependencies=[ADMIN])
async def list_channels(desk: DeskDep) -> ChannelList:
    """Every inbox: whether it is configured and enabled, and what state it is in."""
    async with desk.pool.acquire() as conn:
        return ChannelList(channels=await _list_channels(conn, desk))


@router.patch("/channels/{channel}/{inbox}", dependencies=[ADMIN])
async def change_channel(
    channel: Channel, inbox: Inbox, change: ChannelChange, desk: DeskDep, audit: AuditDep
) -> ChannelView:
    """Close an inbox or open it, or set for how long it waits whether its customer writes more.

    A closed form takes no tickets, and a closed mailbox is not read: its mail waits there. Numbers cannot be closed.
    """
    async with desk.pool.acquire() as conn, conn.transaction():
        before = await _find_channel(conn, desk, channel, inbox)
        if channel == "whatsapp" and change.enabled is False:
            detail = (
                "WhatsApp would go on sending its messages: take the webhook out of its settings there to close it."
            )
            raise Problem(409, detail)
        await operations.configure_channel(
            conn,
            channel,
            inbox,
            enabled=change.enabled,
            sets_quiet="quiet_seconds" in change.model_fields_set,
            quiet_seconds=change.quiet_seconds,
        )
        after = await _find_channel(conn, desk, channel, inbox)
        await audit.record(
            conn,
            "channel.changed",
            "channel",
            name_object(inbox),
            before=_describe_facts(before),
            after=_describe_facts(after),
        )
    return after


@router.post("/channels/{channel}/{inbox}/test", status_code=202, dependencies=[ADMIN])
async def test_channel(channel: Channel, inbox: Inbox, body: ChannelTrial, desk: DeskDep, audit: AuditDep) -> TrialView:
    """Send a test message from this inbox. It belongs to no conversation and goes to no known customer.

    On the web a probe goes through the whole pipeline instead. Five test messages in ten minutes are allowed.
    """
    async with desk.pool.acquire() as conn:
        view = await _find_channel(conn, desk, channel, inbox)
    if not view.is_configured:
        raise Problem(409, "This inbox is not configured, so nothing can be sent from it.")
    if channel == "web":
        report = await probe_queue(desk, audit, None)
        return TrialView(id=None, channel=channel, inbox=inbox, to=None, state="done", probe=report)
    to, path = _find_path(desk, channel, inbox, body.to)
    text = _TEXT.format(company=desk.settings.company.name, inbox=inbox)
    async with desk.pool.acquire() as conn, conn.transaction():
        await _require_no_customer(conn, channel, to)
        request = TrialMessage(channel=channel, inbox=inbox, to=to, path=path, text=text)
        try:
            job_id = await jobs.add_test_message(conn, request)
        except jobs.TooManyTests:
            detail = "Too many test messages were sent; try again in ten minutes."
            raise Problem(429, detail, headers={"Retry-After": "600"}) from None
        job = await jobs.find(conn, "test_message", job_id)
        facts: Facts = {"channel": channel, "test_message": job_id}
        await audit.record(conn, "channel.tested", "channel", name_object(inbox), after=facts)
    desk.notifier.notify(JOB_CHANNEL)
    return _view_test(job)


@router.get("/test-messages/{message_id}", dependencies=[ADMIN])
async def read_test(message_id: JobId, desk: DeskDep) -> TrialView:
    """What became of a test message: `done` once the vendor has taken it, `failed` with a problem. Kept for a day."""
    async with desk.pool.acquire() as conn:
        return _view_test(await jobs.find(conn, "test_message", message_id))


@router.get("/routes", dependencies=[Depends(allow("tickets:read"))])
async def list_routes(desk: DeskDep) -> RouteList:
    """To which team each kind of matter goes when a person is needed."""
    async with desk.pool.acquire() as conn:
        return RouteList(routes=[RouteView(**row) for row in await operations.list_routes(conn)])


@router.put("/routes/{category}", dependencies=[ADMIN])
async def change_route(category: Route, change: RouteChange, desk: DeskDep, audit: AuditDep) -> RouteView:
    """Another team, or other instructions, for tickets that are handed over from now on."""
    async with desk.pool.acquire() as conn, conn.transaction():
        before = {row["category"]: row for row in await operations.list_routes(conn)}.get(category, {})
        await operations.change_route(conn, category, team=change.team, instructions=change.instructions)
        changed = [name for name, value in change.model_dump().items() if before.get(name) != value]
        await audit.record(conn, "route.changed", "route", category, after={"changed": changed})
    return RouteView(category=category, team=change.team, instructions=change.instructions)


async def _list_channels(conn: Conn, desk: Desk) -> list[ChannelView]:
    """The inboxes that the settings name, that were configured by hand, and that were ever polled, as one list."""
    configured = set(list_inboxes(desk.settings))
    rows: dict[tuple[str, str], dict[str, Any]] = {
        (channel, inbox): {"channel": channel, "inbox": inbox} for channel, inbox in configured
    }
    for row in [*await operations.list_channels(conn), *await inboxes.list_inboxes(conn)]:
        if row["inbox"] not in LOCAL_INBOXES:
            rows.setdefault((row["channel"], row["inbox"]), {}).update(row)
    return [ChannelView(**row, is_configured=place in configured) for place, row in sorted(rows.items())]


async def _find_channel(conn: Conn, desk: Desk, channel: Channel, inbox: str) -> ChannelView:
    for view in await _list_channels(conn, desk):
        if (view.channel, view.inbox) == (channel, inbox):
            return view
    raise Problem(404, _NO_INBOX)


def _describe_facts(view: ChannelView) -> Facts:
    seconds = view.quiet_seconds
    quiet = None if seconds is None else round(seconds * 1000)
    return {"channel": view.channel, "enabled": view.enabled, "quiet_milliseconds": quiet}


def _find_path(desk: Desk, channel: Channel, inbox: str, to: str | None) -> tuple[str, ReplyPath]:
    """The way to whom the admin names. Raises Problem 422."""
    try:
        if channel == "whatsapp":
            number = _NUMBER.validate_python(to)
            provider: WhatsAppProvider = "twilio" if inbox == desk.settings.twilio.number else "meta"
            return number, WhatsAppPath(provider=provider, phone=number)
        address = _EMAIL.validate_python(to).lower()
    except ValidationError:
        expected = "a number such as +4930123456" if channel == "whatsapp" else "an address such as you@example.com"
        problem = {"field": "to", "message": f"expected {expected}"}
        raise Problem(422, "The request is not valid; see errors for each field.", errors=[problem]) from None
    return address, MailPath(to=address, subject=f"Test message from {desk.settings.company.name}")


async def _require_no_customer(conn: Conn, channel: Channel, to: str) -> None:
    kinds: tuple[IdentifierKind, ...] = ("phone", "whatsapp") if channel == "whatsapp" else ("email",)
    for kind in kinds:
        if await look_up_customers(conn, kind, to):
            raise Problem(409, "A customer writes from there. Send the test message to yourself or a colleague.")


def _view_test(job: JobView | None) -> TrialView:
    if job is None:
        raise Problem(404, "There is no such test message.")
    request = TrialMessage.model_validate_json(job.request)
    return TrialView(
        id=job.id,
        channel=request.channel,
        inbox=request.inbox,
        to=request.to,
        state=job.state,
        problem=job.problem,
    )
