"""Is it up, and is it well."""

from collections import defaultdict
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.security import HTTPBearer

from api.access import ANYONE, lack, recognise
from api.desk import Desk, DeskDep
from api.schemas.health import (
    DetailedHealth,
    Health,
    InboxesHealth,
    InboxHealth,
    InboxState,
    PauseHealth,
    QueueDepth,
    Ready,
    ReadyStatus,
    WorkerHealth,
)
from core.version import VERSION
from database import outbox, queue
from database.pool import DATABASE_ERRORS
from database.queries import desk_state, inboxes, operations
from database.queries.desk_state import Pause
from database.queries.live import SILENT_SECONDS

router = APIRouter(tags=["health"], dependencies=[Depends(ANYONE)])

# Not as dependencies: the page is open, and the documentation would say that it is not.
_find_bearer = HTTPBearer(auto_error=False)


@router.get("/health")
async def read_health() -> Health:
    """Liveness: needs no database."""
    return Health(status="ok", version=VERSION)


@router.get("/health/ready", responses={503: {"model": Ready, "description": "Send nothing here for now."}})
async def read_readiness(desk: DeskDep, response: Response) -> Ready:
    """Readiness: this process takes messages. 503 says why not; asked again and again, it costs next to nothing."""
    status: ReadyStatus = "stopping" if desk.stopping.is_set() else await desk.readiness.read()
    if status != "ready":
        response.status_code = 503
    return Ready(status=status, version=VERSION)


@router.get("/health/detailed")
async def read_detailed_health(desk: DeskDep, request: Request, response: Response) -> DetailedHealth:
    """Database, queue, workers, channels and brain. 503 when the desk cannot take messages.

    To a caller with the scope tickets:read also the addresses of the inboxes and what their vendors say.
    """
    try:
        may_read_all = await _has_key(desk, request)
        async with desk.pool.acquire(timeout=5) as conn:
            database = await operations.describe_database(conn)
            depth = await queue.measure_depth(conn)
            workers = await operations.list_workers(conn)
            channels = await operations.list_channels(conn)
            polled = await inboxes.list_inboxes(conn)
            undelivered = await outbox.measure_undelivered(conn)
            pause = await desk_state.find_pause(conn)
    except DATABASE_ERRORS as error:
        response.status_code = 503
        return DetailedHealth(
            status="down",
            version=VERSION,
            paused=None,
            database={"ok": False, "error": type(error).__name__},
            queue=None,
            workers=[],
            channels=[],
            inboxes=[],
            undelivered={},
            brain=None,
        )
    workers = [{**worker, "is_alive": worker["silent_seconds"] < SILENT_SECONDS} for worker in workers]
    alive = [worker for worker in workers if worker["is_alive"]]
    is_well = alive and not pause and not any(_is_troubled(inbox, desk.clock()) for inbox in polled)
    return DetailedHealth(
        status="ok" if is_well else "degraded",
        version=VERSION,
        paused=None if pause is None else _describe_pause(pause, may_read_all=may_read_all),
        database={"ok": True, **database},
        queue=QueueDepth.model_validate(depth),
        # Without host and pid: this page is open.
        workers=[WorkerHealth.model_validate(worker) for worker in workers],
        channels=channels if may_read_all else _count_configured(channels),
        inboxes=_describe(polled, desk.clock()) if may_read_all else _sum_up(polled, desk.clock()),
        undelivered=undelivered,
        brain=alive[-1]["brain"] if alive else None,
    )


async def _has_key(desk: Desk, request: Request) -> bool:
    """Whether the caller may read tickets. One who may not, or whose key is none, is refused."""
    bearer, header = await _find_bearer(request), request.headers.get("X-API-Key")
    if bearer is None and header is None:
        return False
    caller = await recognise(request, desk, bearer, header)
    if not caller.has("tickets:read"):
        raise lack("tickets:read")
    return True


def _describe_pause(pause: Pause, *, may_read_all: bool) -> PauseHealth:
    return PauseHealth(
        since=pause.paused_at,
        is_restored=pause.restored_at is not None or pause.paused_at is None,
        reason=pause.reason if may_read_all else None,
    )


def _is_troubled(inbox: dict[str, Any], now: datetime) -> bool:
    """It cannot be read, or cannot send, or its vendor has stopped telling us of news."""
    has_problem = inbox["read_problem"] is not None or inbox["send_problem"] is not None
    return has_problem or (inbox["watch_until"] is not None and inbox["watch_until"] < now)


def _count_configured(channels: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """How many inboxes each channel has, and how many of them are enabled."""
    return [
        {"channel": name, "inboxes": len(rows), "enabled": sum(row["enabled"] for row in rows)}
        for name, rows in _group(channels).items()
    ]


def _describe(polled: list[dict[str, Any]], now: datetime) -> list[InboxHealth]:
    return [InboxHealth(**row, state=_judge([row], now)) for row in polled]


def _judge(rows: list[dict[str, Any]], now: datetime) -> InboxState:
    return "needs attention" if any(_is_troubled(row, now) for row in rows) else "ok"


def _sum_up(polled: list[dict[str, Any]], now: datetime) -> list[InboxesHealth]:
    """What anybody may know of the inboxes of each channel: whether all is well, and until when they are watched."""
    return [
        InboxesHealth(
            channel=name,
            state=_judge(rows, now),
            inboxes=len(rows),
            waiting=sum(row["waiting"] for row in rows),
            watch_until=min((row["watch_until"] for row in rows if row["watch_until"] is not None), default=None),
        )
        for name, rows in _group(polled).items()
    ]


def _group(rows: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        groups[row["channel"]].append(row)
    return groups
