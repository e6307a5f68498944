"""A probe through the real pipeline: queue, worker, agent, commit, delivery."""

import asyncio
import time
from datetime import timedelta
from typing import Any

from fastapi import APIRouter

from api.access import ADMIN
from api.audit import AuditDep
from api.desk import Desk, DeskDep, WaitedEnough
from api.problems import Problem
from api.routes.support import follow_changes
from api.schemas.probe import Probe, ProbeReport
from channels.web.parse import parse_submission
from core.background import wait_briefly
from core.ids import new_id
from database import queue
from database.notify import WAKE_CHANNEL
from database.queries.runs import find_outcome
from database.types import Published, TicketRequest

router = APIRouter(tags=["operations"])

PROBE_INBOX = "probe"
_RECHECK_SECONDS = 0.5


@router.post("/test/queue", dependencies=[ADMIN])
async def probe_queue(desk: DeskDep, audit: AuditDep, body: Probe | None = None) -> ProbeReport:
    """Push one message through the whole pipeline and report what each stage took. Needs a key with `admin`.

    The probe has an inbox of its own, which the figures about customers leave out.
    """
    probe = body or Probe()
    started = time.perf_counter()
    ref = f"PROBE-{new_id().hex[-12:].upper()}"
    with follow_changes(desk, ref) as changed:
        published = await _publish_probe(desk, ref, probe.message)
        publish_ms = _elapsed_ms(started)
        async with desk.pool.acquire() as conn:
            await audit.record(conn, "probe.sent", "message", published.message_id)
        try:
            async with desk.limit_wait(probe.timeout_seconds):
                outcome = await _wait_for_delivery(desk, published, changed)
        except WaitedEnough:
            detail = f"No worker delivered a reply within {probe.timeout_seconds:g} seconds; is one running?"
            raise Problem(504, detail) from None
    return ProbeReport(
        ticket_ref=ref,
        outcome=outcome["outcome"],
        brain=outcome["brain"],
        stages_ms={
            "publish": publish_ms,
            **{stage: outcome["stages"][stage] for stage in ("queue", "resolve", "agent")},
            "deliver": outcome["deliver_ms"],
            "total": _elapsed_ms(started),
        },
        reply=outcome["text"],
        citations=[citation["title"] for citation in outcome["citations"]],
    )


async def _publish_probe(desk: Desk, ref: str, message: str) -> Published:
    due = desk.clock() + timedelta(hours=1)
    subject = message[:200]
    request = TicketRequest(ref=ref, subject=subject, category="general", priority="low", first_reply_due=due)
    inbound = parse_submission(
        name="",
        email="probe@nightdesk.invalid",
        message=message,
        ticket=request,
        external_id=ref,
        inbox=PROBE_INBOX,
    )
    async with desk.pool.acquire() as conn:
        published = await queue.publish(conn, inbound)
    desk.notifier.notify(WAKE_CHANNEL)
    return published


async def _wait_for_delivery(desk: Desk, published: Published, changed: asyncio.Event) -> dict[str, Any]:
    while True:
        changed.clear()
        async with desk.pool.acquire() as conn:
            outcome = await find_outcome(conn, published.thread_id)
        if outcome is not None and outcome["delivery"] == "sent":
            return outcome
        await wait_briefly(changed, _RECHECK_SECONDS)


def _elapsed_ms(started: float) -> float:
    return (time.perf_counter() - started) * 1000
