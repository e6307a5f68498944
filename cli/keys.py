"""API keys for staff and machines."""

from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console

from cli.context import CommandError, build_table, format_time, note, open_database, prepare, run_on
from database.pool import Conn
from database.queries.api_keys import add_api_key, list_api_keys, make_key, revoke_api_key
from database.types import SCOPES, TIERS, Facts, Tier

app = typer.Typer(help="API keys for staff and machines.", no_args_is_help=True)

_SHOWN_ROWS = 1_000


@app.command("create")
def create_key(
    name: Annotated[str, typer.Argument(help="Who or what will use the key.")],
    scope: Annotated[list[str], typer.Option(help=f"May be repeated. One of: {', '.join(SCOPES)}.")],
    tier: Annotated[str, typer.Option(help=f"How much it may ask for. One of: {', '.join(TIERS)}.")] = "standard",
    days: Annotated[int | None, typer.Option(min=1, max=3_650, help="Days it is good for. (default: for good)")] = None,
) -> None:
    """Make a key and show it once; only its hash is stored."""
    unknown = sorted(set(scope) - set(SCOPES))
    if unknown:
        raise CommandError(f"unknown scope {', '.join(unknown)}; expected {', '.join(SCOPES)}")
    chosen = _require_tier(tier)
    key = make_key()

    async def add(conn: Conn) -> None:
        async with conn.transaction():
            key_id = await add_api_key(conn, name, key, scope, tier=chosen, days=days)
            facts: Facts = {"scopes": sorted(set(scope)), "tier": chosen, "days": days}
            await note(conn, settings, "key.made", "key", key_id, after=facts)

    settings = prepare("key", is_quiet=True)
    with open_database(settings) as url:
        run_on(url, add)
    typer.echo(key)
    typer.secho("Keep it now: it cannot be shown again.", err=True)


@app.command("list")
def list_keys() -> None:
    """Every key, the newest first: what it may do, and when it was last used."""
    with open_database(prepare("key", is_quiet=True)) as url:
        found = run_on(url, lambda conn: list_api_keys(conn, max_rows=_SHOWN_ROWS))
    if not found:
        typer.echo("No API keys.")
        return
    rows = [
        row
        | {"scopes": " ".join(row["scopes"])}
        | {name: format_time(row[name]) for name in row if name.endswith("_at")}
        for row in found
    ]
    Console().print(build_table("API keys", rows))


@app.command("revoke")
def revoke_key(
    key_id: Annotated[UUID, typer.Argument(help="Id of the key, as `nightdesk key list` shows it.")],
) -> None:
    """Close a key at once and for good."""

    async def revoke(conn: Conn) -> None:
        async with conn.transaction():
            if not await revoke_api_key(conn, key_id):
                raise CommandError(f"there is no key {key_id}; `nightdesk key list` shows them")
            await note(conn, settings, "key.revoked", "key", key_id)

    settings = prepare("key", is_quiet=True)
    with open_database(settings) as url:
        run_on(url, revoke)
    typer.echo("revoked")


def _require_tier(given: str) -> Tier:
    for tier in TIERS:
        if tier == given:
            return tier
    raise CommandError(f"unknown tier {given}; expected {', '.join(TIERS)}")
