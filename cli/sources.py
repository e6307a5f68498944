"""What arrived, as it arrived: `nightdesk queue show-source` and `replay-source`."""

import sys
from collections import Counter
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from channels.base import MalformedSource, Poller, Receiver
from channels.registry import build_channels
from cli.context import CommandError, format_cell, note, open_database, prepare, run_on
from core.settings import Settings
from database import intake
from database.files import PostgresFiles
from database.notify import WAKE_CHANNEL
from database.pool import Conn, open_pool
from database.queries.sources import StoredSource, find_source, list_again, mark_read
from database.types import SourceId
from workers.sync import name_what_files_are

SourceArgument = Annotated[UUID, typer.Argument(help="Id of a source, as a conversation's messages show it.")]


def show_source(
    source: SourceArgument, raw: Annotated[bool, typer.Option("--raw", help="Write the bytes alone.")] = False
) -> None:
    """A mail or webhook as it arrived."""
    settings = prepare("queue", is_quiet=True)
    with open_database(settings) as url:
        found = run_on(url, lambda conn: _read(conn, settings, source))
    if raw:
        sys.stdout.buffer.write(found.source.body)
        return
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    rows = {
        "channel": found.source.channel,
        "inbox": found.source.inbox or "–",
        "came by": found.origin,
        "received": found.received_at,
        "state": found.state,
        "reason": found.reason or "–",
        "bytes": len(found.source.body),
    }
    for name, value in rows.items():
        table.add_row(name, Text(format_cell(value)))
    console = Console()
    console.print(table)
    console.print(Text("\n".join(map(format_cell, found.source.body.decode(errors="replace").splitlines()))))


def replay_source(source: SourceArgument) -> None:
    """Read a source once more, with today's parser, or fetch it if it could not be fetched.

    What it brought before is not brought twice.
    """
    settings = prepare("queue", is_quiet=True)
    with open_database(settings) as url:
        typer.echo(run_on(url, lambda conn: _replay(conn, settings, url, source)))


async def _replay(conn: Conn, settings: Settings, url: str, source_id: UUID) -> str:
    found = await _require(conn, source_id)
    async with conn.transaction():
        is_listed = await list_again(conn, found.id)
        if is_listed:
            await note(conn, settings, "source.replayed", "source", found.id)
    if is_listed:
        return "it could not be fetched before; the next sync of its inbox fetches it again"
    reader = _find_reader(settings, found)
    try:
        parsed = name_what_files_are(reader.parse(found.source))
    except MalformedSource as error:
        raise CommandError(f"the source still cannot be read: {error}") from None
    except Exception as error:
        raise CommandError(f"the parser breaks on this source ({type(error).__name__})") from error
    async with open_pool(url, application="nightdesk queue", max_size=1) as pool:
        for content in parsed.contents.values():
            await PostgresFiles(pool).put(content)
    async with conn.transaction():
        taken = await intake.take_in(conn, found.source.channel, found.id, parsed)
        await mark_read(conn, found.id, "stored" if parsed.messages else "ignored", "; ".join(parsed.ignored) or None)
        await conn.execute("SELECT pg_notify($1, '')", WAKE_CHANNEL)
        await note(conn, settings, "source.replayed", "source", found.id)
    outcome = Counter("new" if published.is_new else "known before" for published in taken.published)
    messages = ", ".join(f"{count} {what}" for what, count in outcome.items()) or "none"
    ignored = f"; ignored: {', '.join(parsed.ignored)}" if parsed.ignored else ""
    return f"messages: {messages}; reports: {len(parsed.statuses)}{ignored}"


def _find_reader(settings: Settings, found: StoredSource) -> Receiver | Poller:
    kit = build_channels(settings)[found.source.channel]
    if found.origin in kit.receivers:
        return kit.receivers[found.origin]
    for poller in kit.pollers:
        if poller.inbox == found.source.inbox:
            return poller
    raise CommandError(f"the channel {found.source.channel} is not configured for this source's inbox any more")


async def _read(conn: Conn, settings: Settings, source_id: UUID) -> StoredSource:
    found = await _require(conn, source_id)
    await note(conn, settings, "source.read", "source", found.id)
    return found


async def _require(conn: Conn, source_id: UUID) -> StoredSource:
    found = await find_source(conn, SourceId(source_id))
    if found is None or not found.has_body:
        raise CommandError(f"there is no source {source_id}, or its time is over (RETENTION_SOURCE_DAYS)")
    return found
