"""API keys for staff and machines."""

import asyncio
import secrets
from typing import Annotated

import typer

from cli.context import CommandError, open_database, prepare
from database.pool import connect
from database.queries.operations import add_api_key
from database.types import SCOPES

app = typer.Typer(help="API keys for staff and machines.", no_args_is_help=True)


@app.command("create")
def create_key(
    name: Annotated[str, typer.Argument(help="Who or what will use the key.")],
    scope: Annotated[list[str], typer.Option(help=f"May be repeated. One of: {', '.join(SCOPES)}.")],
) -> None:
    """Make a key and show it once; only its hash is stored."""
    unknown = sorted(set(scope) - set(SCOPES))
    if unknown:
        raise CommandError(f"unknown scope {', '.join(unknown)}; expected {', '.join(SCOPES)}")
    settings = prepare("key", is_quiet=True)
    key = make_key()
    with open_database(settings) as url:
        asyncio.run(store_key(url, name, key, scope))
    typer.echo(key)
    typer.secho("Keep it now: it cannot be shown again.", err=True)


def make_key() -> str:
    """A fresh key with 256 random bits; the prefix lets scanners find one that leaked."""
    return f"nd_{secrets.token_hex(32)}"


async def store_key(url: str, name: str, key: str, scopes: list[str]) -> None:
    """Register a key."""
    conn = await connect(url, application="nightdesk key")
    try:
        await add_api_key(conn, name, key, scopes)
    finally:
        await conn.close()
