"""Is it up, and is it well."""

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Response

from api.desk import DeskDep
from api.schemas import DetailedHealth, Health
from api.version import VERSION
from database import outbox, queue
from database.pool import DATABASE_ERRORS
from database.queries import inboxes, operations

router = APIRouter(tags=["health"])

# Beyond one lease and a beat, a worker is dead rather than late.
SILENT_SECONDS = 90


@router.get("/health")
async def read_health() -> Health:
    """Liveness: needs no database."""
    return Health(status="ok", version=VERSION)


@router.get("/health/detailed")
async def read_detailed_health(desk: DeskDep, response: Response) -> DetailedHealth:
    """Database, queue, workers, channels and brain. 503 when the desk cannot take messages."""
    try:
        async with desk.pool.acquire(timeout=5) as conn:
            database = await operations.describe_database(conn)
            depth = await queue.measure_depth(conn)
            workers = await operations.list_workers(conn)
            channels = await operations.list_channels(conn)
            polled = await inboxes.list_inboxes(conn)
            undelivered = await outbox.measure_undelivered(conn)
    except DATABASE_ERRORS as error:
        response.status_code = 503
        return DetailedHealth(
            status="down",
            version=VERSION,
            database={"ok": False, "error": type(error).__name__},
            queue={},
            workers=[],
            channels=[],
            inboxes=[],
            undelivered={},
            brain=None,
        )
    alive = [worker for worker in workers if worker["silent_seconds"] < SILENT_SECONDS]
    return DetailedHealth(
        status="ok" if alive and not any(_is_troubled(inbox, desk.clock()) for inbox in polled) else "degraded",
        version=VERSION,
        database={"ok": True, **database},
        queue=depth,
        # Not host and pid: this page is open.
        workers=[{key: value for key, value in w.items() if key not in {"host", "pid"}} for w in workers],
        channels=channels,
        inboxes=polled,
        undelivered=undelivered,
        brain=alive[-1]["brain"] if alive else None,
    )


def _is_troubled(inbox: dict[str, Any], now: datetime) -> bool:
    """It cannot be read, or its vendor has stopped telling us of news."""
    return inbox["problem"] is not None or (inbox["watch_until"] is not None and inbox["watch_until"] < now)
