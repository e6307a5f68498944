"""A desk that receives and sends nothing: `nightdesk pause`, and `nightdesk resume`, which ends it."""

from typing import Annotated

import typer

from channels.registry import build_channels
from cli.context import format_time, note, open_database, prepare, run_on
from core.settings import Settings
from database.pause import Resumed, resume_desk
from database.pool import Conn
from database.queries import desk_state

BY_HAND = "paused by the operator"
PUT_BACK = "the database was put back to an earlier state"


def pause(
    reason: Annotated[str | None, typer.Option(help="Why, for everybody who sees that it is paused.")] = None,
    restored: Annotated[
        bool,
        typer.Option(
            "--restored", help="A snapshot or a point in time of the provider was restored: run this before any worker."
        ),
    ] = False,
) -> None:
    """Receive, and send nothing, until `nightdesk resume`. What is just being handed to a vendor still goes out."""
    settings = prepare("pause", is_quiet=True)
    why = " ".join((reason or (PUT_BACK if restored else BY_HAND)).split())[:500]

    async def change(conn: Conn) -> bool:
        async with conn.transaction():
            if restored:
                await desk_state.pause_restored(conn, why)
            elif not await desk_state.pause(conn, why):
                return False
            await note(conn, settings, "desk.restored" if restored else "desk.paused", "desk", None)
        return True

    with open_database(settings) as url:
        is_new = run_on(url, change)
    typer.echo(
        "The desk is paused: it receives, and sends nothing until `nightdesk resume`."
        if is_new
        else "The desk was paused before; its reason stays."
    )


def resume(
    nothing_was_sent: Annotated[
        bool,
        typer.Option(
            "--nothing-was-sent",
            help="After a restore: the old desk was stopped before the backup, so what waits is sent and answered.",
        ),
    ] = False,
) -> None:
    """Work again. After a restore, what the old desk may have sent or answered goes to people first."""
    settings = prepare("resume", is_quiet=True)
    with open_database(settings) as url:
        resumed = run_on(url, lambda conn: _resume(conn, settings, nothing_was_sent=nothing_was_sent))
    if resumed is None:
        typer.echo("The desk is not paused.")
        return
    typer.echo("The desk works again.")
    if resumed.was_restored and not nothing_was_sent:
        typer.echo(
            f"Replies in doubt: {resumed.doubted}; vendors are asked, and people where they cannot be. "
            "Messages from before the restore go to people."
        )


async def _resume(conn: Conn, settings: Settings, *, nothing_was_sent: bool) -> Resumed | None:
    kits = build_channels(settings).values()
    repeatable = [kit.name for kit in kits if kit.sender is not None and kit.sender.is_repeatable]
    async with conn.transaction():
        resumed = await resume_desk(conn, repeatable_channels=repeatable, nothing_was_sent=nothing_was_sent)
        if resumed is not None:
            facts = {"nothing_was_sent": nothing_was_sent, "doubted": resumed.doubted}
            await note(conn, settings, "desk.resumed", "desk", None, after=facts)
    return resumed


def describe_pause(pause: desk_state.Pause) -> str:
    """One sentence for the terminal."""
    since = f" since {format_time(pause.paused_at)} UTC" if pause.paused_at else ""
    return f"The desk is paused{since}: {pause.reason or PUT_BACK}. `nightdesk resume` ends that."
