"""Taking a backup: dump, row counts and checksums of one and the same moment of a desk that goes on working."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from database.backup_file import FORMAT, BackupError, BackupWriter, Manifest, TableSum, write_whole
from database.pool import DbConnection, connect
from database.postgres_tools import Tools, describe_connection, find_tools, run_tool
from database.queries import backups
from database.queries.backups import ServerState

_CHUNK = 1 << 20
# The owner and the rights are those of the server that it goes to; comments on extensions only their owners may make.
_DUMP = (
    *("--format=custom", "--no-owner", "--no-acl", "--no-comments", "--no-publications", "--no-subscriptions"),
    *("--no-tablespaces", "--no-security-labels", "--no-unlogged-table-data", "--no-password"),
    # A restored desk is paused because this row is missing.
    *("--extension=vector", "--exclude-table-data=public.desk_state"),
)

Report = Callable[[str, int, int | None], None]


async def back_up(url: str, path: Path, *, product: str, key: str, report: Report) -> Manifest:
    """Write the backup of the database at `url`. `report` hears of the stage, how far it is, and of how much.

    Raises BackupError, ToolsMissing and ToolFailed. Nothing is left behind by a backup that fails.
    """
    conn = await connect(url, application="nightdesk backup")
    try:
        with write_whole(path) as file:
            async with conn.transaction(isolation="repeatable_read", readonly=True):
                # Both may be set for the server, and the snapshot must live for as long as the dump takes.
                await conn.execute("SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL statement_timeout = 0")
                taken_at = datetime.now(UTC)
                server = await backups.describe_server(conn)
                tools = find_tools(server.major)
                tables = await _sum_tables(conn, report)
                command = await _write_command(conn, url, server, tools)
                writer = BackupWriter(file)
                await asyncio.to_thread(_dump, command, describe_connection(url)[1], writer, report)
            manifest = Manifest(
                format=FORMAT,
                product=product,
                migration=server.migration,
                server=server.version,
                server_major=server.major,
                tools=tools.version,
                tools_major=tools.major,
                taken_at=taken_at,
                key=key,
                dump_sha256=writer.digest,
                answered_before=server.answered_before,
                tables=tables,
            )
            writer.finish(manifest)
            return manifest
    finally:
        await conn.close()


async def _sum_tables(conn: DbConnection, report: Report) -> dict[str, TableSum]:
    names = await backups.list_tables(conn)
    if "schema_migrations" not in names:
        raise BackupError("the desk's tables are not in the schema public, and only that one is backed up")
    sums = {}
    for position, name in enumerate(names):
        report("counting", position, len(names))
        rows, checksum = await backups.sum_table(conn, name)
        sums[name] = TableSum(rows=rows, checksum=checksum)
    return sums


async def _write_command(conn: DbConnection, url: str, server: ServerState, tools: Tools) -> list[str]:
    others = [f'--exclude-schema="{name}"' for name in await backups.list_other_schemas(conn)]
    database = describe_connection(url)[0]
    return tools.command("pg_dump", *_DUMP, *others, f"--snapshot={server.snapshot}", f"--dbname={database}")


def _dump(command: list[str], environment: dict[str, str], writer: BackupWriter, report: Report) -> None:
    with run_tool(command, environment) as dump:
        while chunk := dump.output.read(_CHUNK):
            writer.add(chunk)
            report("writing", writer.size, None)
