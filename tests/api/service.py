"""The web application as its clients meet it: in process, or behind a real server where a response streams."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import uvicorn
from fastapi import FastAPI

from api.desk import Desk
from api.main import create_app
from core.clock import Clock
from core.settings import Settings
from core.tracing import Tracing
from database.pool import DbPool, open_pool
from database.queries.api_keys import add_api_key

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
SECRET_KEY = "s" * 32
PROBLEM = "application/problem+json"
LOWEST_COST = 4  # of bcrypt
FORM = {
    "name": "Ada Byron",
    "email": "ada@example.com",
    "subject": "Cannot sign in",
    "category": "account",
    "priority": "high",
    "message": "How do I reset my password?",
}


@dataclass(frozen=True, slots=True)
class Service:
    """A running application, a client of it, and connections of the test's own to its database."""

    app: FastAPI
    client: httpx.AsyncClient
    pool: DbPool

    @property
    def desk(self) -> Desk:
        """What its routes use."""
        desk: Desk = self.app.state.desk
        return desk


def read_fixed_clock() -> datetime:
    """The morning on which these tests happen."""
    return NOW


@asynccontextmanager
async def open_service(
    settings: Settings,
    database_url: str,
    *,
    clock: Clock = read_fixed_clock,
    secret_key: str = SECRET_KEY,
    tracing: Tracing | None = None,
) -> AsyncIterator[Service]:
    """The application in this process. A bug in it is answered as over the network, not raised into the test."""
    app = create_app(
        settings,
        database_url=database_url,
        secret_key=secret_key,
        clock=clock,
        password_cost=LOWEST_COST,
        tracing=tracing,
    )
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://desk.test") as client,
        open_pool(database_url, application="test", max_size=5) as pool,
    ):
        yield Service(app, client, pool)


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals stay with pytest."""
        yield


@asynccontextmanager
async def serve(settings: Settings, database_url: str) -> AsyncIterator[Service]:
    """The application behind uvicorn on a loopback port. The socket listens at once, so nobody waits for the start."""
    app = create_app(
        settings, database_url=database_url, secret_key=SECRET_KEY, clock=read_fixed_clock, password_cost=LOWEST_COST
    )
    config = uvicorn.Config(app, log_config=None, access_log=False, ws="none", timeout_graceful_shutdown=1)
    server = _Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        serving = asyncio.ensure_future(server.serve(sockets=[listener]))
        try:
            async with (
                httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client,
                open_pool(database_url, application="test", max_size=5) as pool,
            ):
                yield Service(app, client, pool)
        finally:
            server.should_exit = True
            await serving


async def submit(client: httpx.AsyncClient, *, key: str | None = None, **changes: object) -> dict[str, Any]:
    """Fill in the form, with some fields changed, and return what was promised."""
    headers = {"Idempotency-Key": key} if key is not None else {}
    response = await client.post("/support/submit", json=FORM | changes, headers=headers)
    assert response.status_code == 202, response.text
    accepted: dict[str, Any] = response.json()
    return accepted


async def read_ticket(client: httpx.AsyncClient, accepted: dict[str, Any]) -> dict[str, Any]:
    """Follow the status URL as it was given."""
    response = await client.get(accepted["status_url"])
    assert response.status_code == 200, response.text
    ticket: dict[str, Any] = response.json()
    return ticket


def hold_token(accepted: dict[str, Any]) -> dict[str, str]:
    """The header of a customer who holds the ticket's token."""
    return {"Authorization": f"Bearer {accepted['ticket_token']}"}


async def issue_key(pool: DbPool, *scopes: str) -> str:
    """A new API key with these scopes."""
    key = f"nd_{uuid4().hex}"
    async with pool.acquire() as conn:
        await add_api_key(conn, "test", key, list(scopes))
    return key


def expect_problem(response: httpx.Response, status: int) -> dict[str, Any]:
    """Check that an error is a whole RFC 9457 document, and return it."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == PROBLEM
    problem: dict[str, Any] = response.json()
    assert problem["status"] == status
    for member in ("type", "title", "detail"):
        assert isinstance(problem[member], str)
        assert problem[member]
    return problem


def name_fields(problem: dict[str, Any]) -> set[str]:
    """The fields that a 422 blames; each comes with a message."""
    assert all(error["message"] for error in problem["errors"])
    return {error["field"] for error in problem["errors"]}
