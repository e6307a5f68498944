"""A TCP proxy on loopback that breaks connections in the ways networks do: silently, loudly, or slowly."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Proxy:
    """Stands between a client and a server. `port` leads through it; `connections` counts those it ever had."""

    def __init__(self, target_port: int) -> None:
        self.port = 0
        self.connections = 0
        self.delay_seconds = 0.0
        self._target_port = target_port
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._refusing = False
        self._awaited: dict[bytes, asyncio.Event] = {}
        self._writers: set[asyncio.StreamWriter] = set()
        self._pumps: set[asyncio.Task[None]] = set()

    def swallow(self) -> None:
        """From now on nothing gets through, and nobody is told: a black hole, for old and new connections."""
        self._flowing.clear()

    def flow(self) -> None:
        """Let everything through again, what was swallowed included."""
        self._flowing.set()

    def refuse(self, refusing: bool = True) -> None:
        """Close new connections at once."""
        self._refusing = refusing

    def drop_all(self) -> None:
        """Reset every connection there is."""
        for writer in self._writers:
            writer.transport.abort()

    async def wait_until_said(self, words: bytes) -> None:
        """Return when either side says these words from now on."""
        await self._awaited.setdefault(words, asyncio.Event()).wait()

    async def relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client."""
        self.connections += 1
        if self._refusing:
            writer.transport.abort()
            return
        try:
            server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            writer.transport.abort()
            return
        for source, sink in ((reader, server_writer), (server_reader, writer)):
            self._writers.add(sink)
            pump = asyncio.create_task(self._pump(source, sink))
            self._pumps.add(pump)
            pump.add_done_callback(self._pumps.discard)

    async def aclose(self) -> None:
        """Hang up on everybody."""
        self.drop_all()
        for pump in (pumps := list(self._pumps)):
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65_536):
                await asyncio.sleep(self.delay_seconds)
                await self._flowing.wait()
                for words, said in self._awaited.items():
                    if words in data:
                        said.set()
                sink.write(data)
                await sink.drain()
        except ConnectionError:
            sink.transport.abort()
        finally:
            self._writers.discard(sink)
            sink.close()


@asynccontextmanager
async def run_proxy(target_port: int) -> AsyncIterator[Proxy]:
    """A proxy to a port of this machine, for the length of the block."""
    proxy = Proxy(target_port)
    server = await asyncio.start_server(proxy.relay, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await proxy.aclose()
        await server.wait_closed()
