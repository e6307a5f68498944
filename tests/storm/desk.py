"""The desk's own processes and its server, begun again as often as they are killed."""

import asyncio
import os
import signal
from collections import Counter
from contextlib import suppress
from subprocess import CalledProcessError

import httpx

from database.pool import DATABASE_ERRORS, connect
from tests.chaos.crew import Crew, Life
from tests.chaos.orders import Order
from tests.outages.server import OwnServer

WORKERS = 2
_RESTART_SECONDS = 60.0


class Desk:
    """One web process and two workers, as different people would run them, on one server."""

    def __init__(self, crew: Crew, server: OwnServer, order: Order, *, api_port: int) -> None:
        self.kills = Counter[str]()
        self._crew = crew
        self._server = server
        self._order = order
        self._api_port = api_port
        self._api: Life | None = None
        self._workers: list[Life] = []

    async def open(self) -> None:
        """Start everything; returns when the web process answers."""
        self._workers = [await self._begin_worker() for _ in range(WORKERS)]
        self._api = await self._begin_api()
        async with asyncio.timeout(30), httpx.AsyncClient() as client:
            while True:
                with suppress(httpx.TransportError):
                    await client.get(f"http://127.0.0.1:{self._api_port}/health")
                    return
                await asyncio.sleep(0.05)

    async def kill(self, victim: str) -> None:
        """SIGKILL to one of `api`, `worker` and `postgres`, which then comes back as its supervisor would bring it."""
        if victim == "postgres":
            await self._kill_server()
        elif victim == "api":
            assert self._api is not None
            await _kill(self._api)
            self._api = await self._begin_api()
        else:
            oldest = self._workers.pop(0)
            await _kill(oldest)
            self._workers.append(await self._begin_worker())
        self.kills[victim] += 1

    async def close(self) -> list[int]:
        """Let everybody drain; returns the exit codes, which tell of any who did not end by themselves."""
        lives = [*self._workers, *([self._api] if self._api else [])]
        return [await life.end() for life in lives]

    async def _begin_worker(self) -> Life:
        return await self._crew.begin(self._order)

    async def _begin_api(self) -> Life:
        return await self._crew.begin(self._order.model_copy(update={"port": self._api_port}))

    async def _kill_server(self) -> None:
        pid = int((self._server.directory / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)
        async with asyncio.timeout(_RESTART_SECONDS):
            while not await self._is_back():
                with suppress(CalledProcessError):  # its children have not all noticed yet
                    await self._server.start()

    async def _is_back(self) -> bool:
        try:
            conn = await connect(self._server.url, application="storm")
        except DATABASE_ERRORS:
            await asyncio.sleep(0.2)
            return False
        await conn.close()
        return True


async def _kill(life: Life) -> None:
    life.send(signal.SIGKILL)
    await life.ended
