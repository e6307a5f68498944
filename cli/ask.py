"""One message through the whole pipeline, from the command line."""

import asyncio
import time
from contextlib import aclosing, suppress
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, get_args

import typer
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from cli.context import CommandError, open_database, prepare
from core.ids import new_id
from core.settings import Settings
from database import queue
from database.pool import DbPool, open_pool
from database.queries.desk_state import find_pause
from database.queries.runs import find_outcome
from database.types import Channel, Identity, InboundMessage, Published, TicketRequest

INBOX = "ask"
TIMEOUT_SECONDS = 90.0


def ask_question(
    question: Annotated[str, typer.Argument(help="What a customer would write.")],
    channel: Annotated[str, typer.Option(help="How the reply is written: web, gmail, mailbox or whatsapp.")] = "web",
    name: Annotated[str, typer.Option(help="The customer's name.")] = "",
) -> None:
    """Ask the desk one question and see the reply, its sources, the decision and the timings.

    The message goes through queue, agent, commit and outbox like any other; nothing is sent to anyone.
    """
    settings = prepare("ask", is_quiet=True)
    if channel not in get_args(Channel):
        raise CommandError(f"unknown channel {channel}; expected one of {', '.join(get_args(Channel))}")
    if not question.strip():
        raise CommandError("the question is empty")
    with open_database(settings) as url:
        started = time.perf_counter()
        outcome = asyncio.run(_ask(settings, url, question, channel, name))  # type: ignore[arg-type]
    _print(outcome, (time.perf_counter() - started) * 1000)


async def _ask(settings: Settings, url: str, question: str, channel: Channel, name: str) -> dict[str, Any]:
    from agent.assemble import build_agent
    from database.notify import Notifier
    from workers.worker import Worker

    async with (
        open_pool(url, application="nightdesk ask", max_size=4) as pool,
        aclosing(await build_agent(settings, pool)) as agent,
    ):
        async with pool.acquire() as conn:
            if await find_pause(conn):
                raise CommandError("the desk is paused, so nothing is answered; `nightdesk resume` ends that")
        published = await _publish(pool, question, channel, name)
        # A worker that runs elsewhere may be faster; either way the reply is read from the database.
        worker = Worker(settings, url, pool, agent, Notifier(url), only_thread=published.thread_id)
        stop = asyncio.Event()
        work = asyncio.create_task(worker.run(stop))
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                return await _wait_for_outcome(pool, published)
        except TimeoutError:
            raise CommandError(f"no reply within {TIMEOUT_SECONDS:g} seconds; see the log above") from None
        finally:
            stop.set()
            with suppress(asyncio.CancelledError):
                await work


async def _publish(pool: DbPool, question: str, channel: Channel, name: str) -> Published:
    ref = f"ASK-{new_id().hex[-12:].upper()}"
    subject = " ".join(question.split())[:200]
    due = datetime.now(UTC) + timedelta(hours=1)
    message = InboundMessage(
        channel=channel,
        inbox=INBOX,
        contact=ref,
        external_id=ref,
        fingerprint=ref,
        sender=Identity(kind="email", value="ask@nightdesk.invalid", level="self_reported", name=name),
        text=question,
        ticket=TicketRequest(ref=ref, subject=subject, category="general", priority="medium", first_reply_due=due),
    )
    async with pool.acquire() as conn:
        return await queue.publish(conn, message)


async def _wait_for_outcome(pool: DbPool, published: Published) -> dict[str, Any]:
    while True:
        async with pool.acquire() as conn:
            outcome = await find_outcome(conn, published.thread_id)
        if outcome is not None and outcome["delivery"] == "sent":
            return outcome
        await asyncio.sleep(0.02)


def _print(outcome: dict[str, Any], total_ms: float) -> None:
    console = Console()
    decision = outcome["decision"]
    answered = outcome["outcome"] == "answered"
    title = "Answered" if answered else f"Handed over to the {outcome['team']}"
    console.print(Panel(Text(outcome["text"]), title=title, border_style="green" if answered else "yellow"))
    for citation in outcome["citations"]:
        console.print(Text(f"[{citation['number']}] {citation['title']}  ({citation['source']})", style="dim"))
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_row("Decision", f"{decision['action'].replace('_', ' ')} by rule {decision['rule']}")
    table.add_row("Why", Text(decision["reason"]))
    table.add_row("Confidence", f"{decision['confidence']:.2f} (required {decision['required_confidence']:.2f})")
    table.add_row("Sentiment", f"{decision['sentiment']:+.2f}")
    table.add_row("Brain", f"{outcome['brain']} ({outcome['model']})")
    stages = {**outcome["stages"], "deliver": outcome["deliver_ms"]}
    shown = [f"{name} {stages[name]:.0f} ms" for name in ("queue", "resolve", "agent", "deliver") if name in stages]
    table.add_row("Timings", ", ".join(shown))
    table.add_row("Total", f"{total_ms:.0f} ms with loading the models")
    console.print(table)
