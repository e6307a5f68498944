"""One emulated Twilio for all tests; each begins with an empty one."""

from collections.abc import AsyncIterator

import pytest

from tests.emulators.twilio import serve_twilio
from tests.emulators.twilio_state import State


@pytest.fixture(scope="session")
async def twilio_server() -> AsyncIterator[State]:
    """The server."""
    async with serve_twilio() as state:
        yield state


@pytest.fixture
async def twilio(twilio_server: State) -> State:
    """The server, as if it had just been started."""
    await twilio_server.clear()
    return twilio_server
