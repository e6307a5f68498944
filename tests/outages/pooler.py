"""A real PgBouncer before a database of these tests."""

import asyncio
import shutil
from asyncio.subprocess import DEVNULL, Process
from pathlib import Path

from database.connection import open_connection
from database.pool import DATABASE_ERRORS

PROGRAM = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/bin")
_PORT = 6432  # of a socket in a folder of our own


class Pooler:
    """PgBouncer in one of its modes, with so many connections to the server. `url` leads through it."""

    def __init__(self, folder: Path, server: Path, url: str, *, mode: str, connections: int, user: str | None) -> None:
        self.url = url.replace(f"host={server}", f"host={folder}&port={_PORT}")
        self._user = user
        self._process: Process | None = None
        self._configuration = folder / "pgbouncer.ini"
        self._configuration.write_text(
            f"""
            [databases]
            * = host={server} user=postgres
            [pgbouncer]
            listen_addr =
            listen_port = {_PORT}
            unix_socket_dir = {folder}
            auth_type = any
            pool_mode = {mode}
            default_pool_size = {connections}
            """.replace("    ", "")
        )
        if user is not None:
            shutil.chown(folder, user)

    async def start(self) -> None:
        """Returns when it takes connections."""
        assert PROGRAM is not None
        self._process = await asyncio.create_subprocess_exec(
            PROGRAM, str(self._configuration), user=self._user, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL
        )
        async with asyncio.timeout(60):
            while not await self._takes_connections():
                pass

    async def stop(self) -> None:
        """All its clients are cut off."""
        assert self._process is not None
        self._process.terminate()
        await self._process.wait()

    async def _takes_connections(self) -> bool:
        assert self._process is not None
        assert self._process.returncode is None, "PgBouncer has ended by itself"
        try:
            conn = await open_connection(self.url, application="test", settings={})
        except DATABASE_ERRORS:
            return False
        await conn.close()
        return True
