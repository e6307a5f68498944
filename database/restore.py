"""Putting a backup into an empty database, in one transaction: nobody ever sees half a desk, or one at work."""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from itertools import islice
from pathlib import Path
from threading import Thread
from typing import BinaryIO

from database.backup import Report
from database.backup_file import BackupError, Manifest, copy, open_backup
from database.migrate import hold_migrations, read_migrations
from database.pool import connect
from database.postgres_tools import Running, Tools, describe_connection, find_tools, run_tool
from database.queries import backups
from database.queries.backups import Target

RESTORED = "restored from a backup"
# A setting that pg_dump 17 and newer write and older servers do not know. It stands in the first lines.
_UNKNOWN_BEFORE_17 = b"SET transaction_timeout = 0;\n"
_HEADER_LINES = 40


async def restore(url: str, path: Path, *, report: Report) -> Manifest:
    """Restore into the empty database at `url`, compare every table, and leave the desk paused.

    Raises BackupError, ToolsMissing or ToolFailed, and then the database is as empty as before.
    """
    with open_backup(path) as (manifest, dump):
        conn = await connect(url, application="nightdesk restore")
        try:
            # Whoever starts a new version of the desk meanwhile waits here, instead of making tables of its own.
            async with hold_migrations(conn):
                target = await backups.find_contents(conn)
                _require_fit(manifest, target)
                tools = find_tools(max(manifest.tools_major, target.major))
                done = _count(lambda size: report("restoring", size, path.stat().st_size))
                await asyncio.to_thread(_run, tools, url, manifest, dump, done)
        finally:
            await conn.close()
        return manifest


def _require_fit(manifest: Manifest, target: Target) -> None:
    if target.relations:
        raise BackupError(
            f"the database is not empty ({target.relations} tables and the like); "
            "restore into a new one, and point DATABASE_URL at it"
        )
    if target.major < manifest.server_major:
        raise BackupError(
            f"the backup is of PostgreSQL {manifest.server_major}, and this server is {target.major}; "
            "it goes into the same version or a newer one"
        )
    if not target.has_vector:
        raise BackupError("the server does not have the extension vector; install pgvector on it")
    if target.vector_schema not in {None, "public"}:
        raise BackupError(
            f"the extension vector is in the schema {target.vector_schema}, and a desk needs it in public; "
            "run `ALTER EXTENSION vector SET SCHEMA public` as its owner"
        )
    known = len(read_migrations())
    if manifest.migration > known:
        raise BackupError(
            f"the backup is of Nightdesk {manifest.product} (migration {manifest.migration}), and this version knows "
            f"{known}; restore it with that version or a newer one"
        )


def _run(tools: Tools, url: str, manifest: Manifest, dump: BinaryIO, on_bytes: Callable[[int], None]) -> None:
    """pg_restore writes the statements, psql runs them, and only the last of them makes anything last."""
    database, environment = describe_connection(url)
    write = tools.command("pg_restore", "--no-owner", "--no-acl", "--file=-")
    read = tools.command(
        *("psql", "--no-psqlrc", "--quiet", "--no-password", "--output=/dev/null"),
        *("--set=ON_ERROR_STOP=1", "--set=VERBOSITY=terse", f"--dbname={database}"),
    )
    # A psql that gave up reads no more; what it said is raised when it has ended.
    with run_tool(read, environment) as psql, suppress(BrokenPipeError):
        psql.input.write(b"BEGIN;\n")
        with run_tool(write, environment) as script:
            feeder = Thread(target=copy, args=(dump, script.input, on_bytes), daemon=True)
            feeder.start()
            _forward(script, psql)
            feeder.join()
        psql.input.write(_write_end(manifest))


def _forward(script: Running, psql: Running) -> None:
    for line in islice(script.output, _HEADER_LINES):
        if line != _UNKNOWN_BEFORE_17:
            psql.input.write(line)
    while chunk := script.output.read(1 << 20):
        psql.input.write(chunk)


def _write_end(manifest: Manifest) -> bytes:
    """The figures are compared in the transaction that brought them; ones that differ end it."""
    expected = json.dumps({name: table.model_dump() for name, table in manifest.tables.items()})
    quoted = expected.replace("'", "''")
    before = f"'{manifest.answered_before.isoformat()}'" if manifest.answered_before else "NULL"
    return (
        f"RESET search_path;\nANALYZE;\nSELECT accept_restore('{quoted}', '{RESTORED}');\n"
        f"UPDATE desk_state SET answered_before = {before};\nCOMMIT;\n"
    ).encode()


def _count(report: Callable[[int], None]) -> Callable[[int], None]:
    total = 0

    def add(size: int) -> None:
        nonlocal total
        total += size
        report(total)

    return add
