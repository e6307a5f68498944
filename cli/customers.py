"""What a customer may ask for: everything that is kept of them, and to be erased."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cli.context import CommandError, note, open_database, prepare, read_secret_key, run_on
from core.settings import Settings
from database.erasure import erase_customer
from database.pool import Conn, open_pool
from database.queries.customers import list_holders
from database.queries.erasures import Certificate
from database.queries.exports import export_customer, view_customer
from database.types import OPERATOR

app = typer.Typer(help="Hand out what is kept of a customer, or erase it.", no_args_is_help=True)

Address = Annotated[str, typer.Argument(help="An address or number of theirs, such as ada@example.com or +15550111.")]


@app.command("export")
def export(address: Address, out: Annotated[Path, typer.Option(help="The file to write.")]) -> None:
    """Write everything that is kept of whoever holds this address, as JSON, one line for each customer."""
    settings = prepare("customer", is_quiet=True)
    with open_database(settings) as url:
        count = run_on(url, lambda conn: _export(conn, url, settings, address, out))
    typer.echo(f"{count} customer{'s' * (count != 1)} written to {out}")


@app.command("erase")
def erase(
    address: Address, yes: Annotated[bool, typer.Option("--yes", help="Erase without asking once more.")] = False
) -> None:
    """Erase everybody who holds this address, for good. A typed address and a proven one may be two customers."""
    settings = prepare("customer", is_quiet=True)
    with open_database(settings) as url:
        holders = run_on(url, lambda conn: _find(conn, address))
        for holder in holders:
            typer.echo(f"{holder['id']}: {holder['level'].replace('_', ' ')}, {holder['conversations']} conversations")
        if not yes:
            typer.confirm("Erase all of this for good?", abort=True)
        certificates = run_on(url, lambda conn: _erase(conn, settings, address, holders))
    for certificate in certificates:
        rows = ", ".join(f"{count} {table}" for table, count in sorted(certificate.counts.items()))
        typer.echo(f"erased {certificate.customer_id}: {rows}")


async def _find(conn: Conn, address: str) -> list[dict[str, Any]]:
    holders = await list_holders(conn, address.strip().lower())
    if not holders:
        raise CommandError("nobody here holds this address")
    return holders


async def _export(conn: Conn, url: str, settings: Settings, address: str, out: Path) -> int:
    holders = await _find(conn, address)
    async with open_pool(url, application="nightdesk customer", max_size=1) as pool:
        with out.open("w", encoding="utf-8") as file:
            for holder in holders:
                customer = await view_customer(pool, holder["id"])
                if customer is not None:
                    await note(conn, settings, "customer.exported", "customer", holder["id"])
                    file.writelines([piece async for piece in export_customer(pool, customer)])
                    file.write("\n")
    return len(holders)


async def _erase(conn: Conn, settings: Settings, address: str, holders: list[dict[str, Any]]) -> list[Certificate]:
    secret_key = read_secret_key(settings)
    return [await erase_customer(conn, secret_key, holder["id"], confirm=address, actor=OPERATOR) for holder in holders]
