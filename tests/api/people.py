"""People with accounts, the browsers they sit at, and a clock that goes when it is told to."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Address
from random import Random
from uuid import uuid4

import httpx

from api.routes.auth import COOKIE
from core.passwords import hash_password
from database.pool import DbPool
from database.queries.users import User, add_user
from database.types import Role
from tests.api.service import LOWEST_COST, NOW, Service

PASSWORD = "seven otters at breakfast"
_addresses = Random(20261121)


class Watch:
    """The time of these tests, which stands still unless it is moved on."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def go_on(self, **duration: float) -> None:
        """Let time pass."""
        self.now += timedelta(**duration)


@dataclass(frozen=True, slots=True)
class Browser:
    """A client with cookies of its own, and the access token it holds in memory."""

    client: httpx.AsyncClient

    async def sign_in(self, email: str, password: str = PASSWORD) -> str:
        """Sign in and return the access token."""
        response = await self.try_password(email, password)
        assert response.status_code == 200, response.text
        token: str = response.json()["access_token"]
        return token

    async def try_password(self, email: str, password: str) -> httpx.Response:
        """Whatever the answer is."""
        return await self.client.post("/auth/login", json={"email": email, "password": password})

    async def refresh(self, cookie: str | None = None) -> httpx.Response:
        """Ask for the next access token, with the browser's cookie or with one that was kept."""
        if cookie is not None:
            self.keep(cookie)
        return await self.client.post("/auth/refresh")

    async def read_me(self, token: str) -> httpx.Response:
        """Ask who holds this token."""
        return await self.client.get("/auth/me", headers=bear(token))

    @property
    def cookie(self) -> str:
        """The refresh token, which no script could read."""
        (cookie,) = (each for each in self.client.cookies.jar if each.name == COOKIE)
        assert cookie.value is not None
        return cookie.value

    def keep(self, cookie: str) -> None:
        """Hold this refresh token and no other."""
        self.client.cookies.clear()
        self.client.cookies.set(COOKIE, cookie, domain="desk.test", path="/auth")


@asynccontextmanager
async def open_browser(
    service: Service, *, address: str | None = None, base_url: str = "http://desk.test"
) -> AsyncIterator[Browser]:
    """A browser at an address of its own, so that nobody's tries count for it."""
    client = (address or str(IPv4Address("10.0.0.0") + _addresses.randrange(2**24)), 40_000)
    transport = httpx.ASGITransport(service.app, raise_app_exceptions=False, client=client)
    async with httpx.AsyncClient(transport=transport, base_url=base_url) as opened:
        yield Browser(opened)


def bear(token: str) -> dict[str, str]:
    """The header that carries an access token."""
    return {"Authorization": f"Bearer {token}"}


async def hire(pool: DbPool, role: Role = "agent", *, email: str | None = None, name: str = "") -> User:
    """Somebody with an account and PASSWORD."""
    async with pool.acquire() as conn, conn.transaction():
        return await add_user(
            conn,
            email=email or f"{uuid4().hex}@example.com",
            name=name,
            role=role,
            password_hash=hash_password(PASSWORD, cost=LOWEST_COST),
        )
