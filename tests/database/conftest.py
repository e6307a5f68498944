"""Databases that only these tests need."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from database.pool import connect


@pytest.fixture
async def empty_url(server_url: str) -> AsyncIterator[str]:
    """A database in which nothing has ever been created."""
    name = f"empty_{uuid4().hex[:12]}"
    conn = await connect(server_url, application="test")
    await conn.execute(f'CREATE DATABASE "{name}"')
    yield server_url.replace("/postgres?", f"/{name}?")
    await conn.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    await conn.close()
