"""The work: what waits, what failed, who does it, and how the inboxes are read."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from cli.context import format_time
from cli.doctor.checks import Check, ask
from cli.pause import PUT_BACK
from core.channel_settings import GmailSettings
from core.clock import Clock
from core.findings import Finding
from core.settings import Settings
from database.pool import Conn, DbPool
from database.queries import checkup, desk_state, inboxes, operations
from database.queries.desk_state import Pause
from database.queries.live import SILENT_SECONDS, DeskFigures, measure_desk

_AREA = "Work"
# As the alerts of deploy/prometheus/alerts.yml.
_SLOW_SECONDS, _STUCK_SECONDS = 120.0, 900.0
# Workers elect one of them, and their heartbeats say so, within a minute; one that was killed is given up later.
_ELECTION_TIME = timedelta(minutes=2)
# A watch is renewed every day and lasts for seven.
_WATCH_SOON = timedelta(days=1)
# What is over its time leaves a little at a time, so not on the dot.
_SWEEP_GRACE = timedelta(days=2)


def plan_work(pool: DbPool, settings: Settings, clock: Clock) -> Iterator[Check]:
    """The checks of what the desk is at."""

    async def look_at_pause(conn: Conn) -> Sequence[Finding]:
        return [_judge_pause(await desk_state.find_pause(conn))]

    async def look_at_workers(conn: Conn) -> Sequence[Finding]:
        workers = await operations.list_workers(conn)
        return _judge_workers(workers, clock(), has_key=settings.openai.api_key is not None)

    async def look_at_queue(conn: Conn) -> Sequence[Finding]:
        figures = await measure_desk(conn)
        return [_judge_queue(figures), _judge_dead_letters(figures)]

    async def look_at_replies(conn: Conn) -> Sequence[Finding]:
        return _judge_replies((await measure_desk(conn)).replies)

    async def look_at_inboxes(conn: Conn) -> Sequence[Finding]:
        findings = [found for row in await inboxes.list_inboxes(conn) for found in _judge_inbox(row, clock())]
        if await _lacks_watch(conn, settings.gmail):
            remedy = "Run `nightdesk worker`, which asks within a minute."
            findings.append(Finding.problem("Gmail was not yet asked to push", remedy))
        return findings or [Finding.ok("none is polled")]

    async def look_at_retention(conn: Conn) -> Sequence[Finding]:
        return [_judge_retention(await checkup.find_oldest_source(conn), settings.retention.source_days, clock())]

    looks = {
        "Pause": look_at_pause,
        "Workers": look_at_workers,
        "Queue": look_at_queue,
        "Replies": look_at_replies,
        "Inboxes": look_at_inboxes,
        "Retention": look_at_retention,
    }
    for subject, judge in looks.items():
        yield Check(_AREA, subject, ask(pool, judge))


def _judge_pause(pause: Pause | None) -> Finding:
    if pause is None:
        return Finding.ok("the desk is at work")
    since = f" since {format_time(pause.paused_at)} UTC" if pause.paused_at else ""
    return Finding.problem(
        f"the desk is paused{since}, and sends nothing: {pause.reason or PUT_BACK}", "Run `nightdesk resume`."
    )


def _judge_workers(workers: Sequence[dict[str, Any]], now: datetime, *, has_key: bool) -> list[Finding]:
    alive = [worker for worker in workers if worker["silent_seconds"] < SILENT_SECONDS]
    if not alive:
        return [Finding.problem("no worker runs: messages are taken and nobody answers", "Run `nightdesk worker`.")]
    slots = sum(worker["concurrency"] for worker in alive)
    busy = sum(worker["in_flight"] for worker in alive)
    findings = [Finding.ok(f"{_count(alive, 'worker')} with {slots} places, {busy} busy")]
    findings += [_describe_silent(worker) for worker in workers if worker not in alive]
    offline = [worker for worker in alive if worker["brain"].startswith("offline")]
    if has_key and offline:
        found = f"{_count(offline, 'worker')} of {len(alive)} without the model: {offline[0]['brain']}"
        remedy = "Restart the workers with OPENAI_API_KEY set, unless the model itself is away."
        findings.append(Finding.advice(found, remedy))
    is_elected = any(worker["is_elected"] for worker in alive)
    if not is_elected and now - min(worker["started_at"] for worker in alive) > _ELECTION_TIME:
        findings.append(Finding.advice("no worker does the maintenance", "Restart the workers."))
    return findings


def _describe_silent(worker: dict[str, Any]) -> Finding:
    place = f"{worker['host']}:{worker['pid']}"
    found = f"{place} has said nothing for {worker['silent_seconds']:.0f} s"
    return Finding.advice(found, f"See whether {place} still runs.")


def _judge_queue(figures: DeskFigures) -> Finding:
    if not figures.channels:
        return Finding.ok("nothing waits")
    oldest = figures.oldest_seconds
    found = f"the oldest message has waited {_format_seconds(oldest)}"
    if oldest > _STUCK_SECONDS:
        return Finding.problem(found, "Read the workers' log; `nightdesk queue stats` shows the channel.")
    if oldest > _SLOW_SECONDS:
        return Finding.advice(found, "Add a worker, or raise WORKER_CONCURRENCY.")
    return Finding.ok(found)


def _judge_dead_letters(figures: DeskFigures) -> Finding:
    if figures.dead_letters:
        wait = "1 dead letter waits" if figures.dead_letters == 1 else f"{figures.dead_letters} dead letters wait"
        return Finding.problem(
            f"{wait} for a decision",
            "Run `nightdesk queue list`, then `nightdesk queue retry` or `discard`.",
        )
    return Finding.ok("no dead letters")


def _judge_replies(replies: dict[str, int]) -> list[Finding]:
    by_state = {
        "failed": Finding.problem(
            f"{replies.get('failed')} were refused by the vendor",
            "Open /desk/tickets?undelivered, and send them again or answer otherwise.",
        ),
        "unknown": Finding.problem(
            f"{replies.get('unknown')} may or may not have been sent",
            "Open /desk/tickets?undelivered, and say which of them arrived.",
        ),
        "needs_template": Finding.advice(
            f"{replies.get('needs_template')} wait for a template: the customer wrote more than a day ago",
            "Set TWILIO_TEMPLATE_SID or META_TEMPLATE_NAME, so that customers are invited back.",
        ),
    }
    found = [finding for state, finding in by_state.items() if replies.get(state)]
    waiting = replies.get("queued", 0) + replies.get("sending", 0)
    return found or [Finding.ok(f"{waiting} under way, none failed")]


async def _lacks_watch(conn: Conn, gmail: GmailSettings) -> bool:
    """Whether Gmail should push and was never asked to. It is not asked for an inbox that is closed."""
    if gmail.address is None or gmail.topic is None:
        return False
    if not (await operations.find_channel_config(conn, "gmail", gmail.address)).enabled:
        return False
    rows = await inboxes.list_inboxes(conn)
    return not any(row["inbox"] == gmail.address and row["watch_until"] for row in rows)


def _judge_inbox(row: dict[str, Any], now: datetime) -> Iterator[Finding]:
    name = f"{row['channel']} {row['inbox']}"
    if row["read_problem"]:
        yield Finding.problem(f"{name} cannot be read: {row['read_problem']}", "See Channels for its account.")
    if row["send_problem"]:
        yield Finding.problem(f"{name} cannot send: {row['send_problem']}", "See Channels for its account.")
    watch = row["watch_until"]
    if watch is not None and watch - now < _WATCH_SOON:
        state = "ended" if watch < now else "end"
        remedy = "Run `nightdesk gmail status --watch`, and see why no worker did."
        yield Finding.problem(f"{name}: pushes {state} at {watch:%Y-%m-%d %H:%M} UTC", remedy)
    elif not (row["read_problem"] or row["send_problem"]):
        until = "" if watch is None else f", pushed until {watch:%Y-%m-%d}"
        yield Finding.ok(f"{name}: {row['waiting']} to fetch{until}")


def _judge_retention(oldest: datetime | None, days: int, now: datetime) -> Finding:
    if days and oldest is not None and now - oldest > timedelta(days=days) + _SWEEP_GRACE:
        return Finding.advice(
            f"mails and webhooks of {oldest:%Y-%m-%d} are still there, RETENTION_SOURCE_DAYS is {days}",
            "Run `nightdesk retention run`, and see why no worker did.",
        )
    return Finding.ok("nothing is kept beyond its time")


def _format_seconds(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 120 else f"{seconds:.0f} s"


def _count(things: Sequence[object], name: str) -> str:
    return f"{len(things)} {name}" if len(things) == 1 else f"{len(things)} {name}s"
