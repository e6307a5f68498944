"""The application for tests of the API: one that many share, and one with a database of its own."""

from collections.abc import AsyncIterator, Iterator, MutableMapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from core.settings import RateSettings, Settings
from tests.api.callers import SignIn
from tests.api.people import Browser, Watch, open_browser
from tests.api.service import Service, open_service, serve
from tests.conftest import cloned


@pytest.fixture(scope="session")
async def service(
    server_url: str, template_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Service]:
    """An application that all tests share which look only at tickets of their own making."""
    data_dir: Path = tmp_path_factory.mktemp("api")
    settings = Settings.model_construct(data_dir=data_dir, rate=RateSettings(limits=False))
    async with (
        cloned(server_url, "nightdesk_template") as url,
        open_service(settings, url) as opened,
    ):
        yield opened


@pytest.fixture
def client(service: Service) -> httpx.AsyncClient:
    """A client of the shared application."""
    return service.client


@pytest.fixture
async def fresh(settings: Settings, database_url: str) -> AsyncIterator[Service]:
    """An application with an empty database of its own."""
    async with open_service(settings, database_url) as opened:
        yield opened


@pytest.fixture
async def live(settings: Settings, database_url: str) -> AsyncIterator[Service]:
    """An application behind a real server."""
    async with serve(settings, database_url) as service:
        yield service


@pytest.fixture
def watch() -> Watch:
    """The time at the desk."""
    return Watch()


@pytest.fixture
async def desk(settings: Settings, database_url: str, watch: Watch) -> AsyncIterator[Service]:
    """An application of this test's own that goes by the watch."""
    async with open_service(settings, database_url, clock=watch) as opened:
        yield opened


@pytest.fixture
async def browser(desk: Service) -> AsyncIterator[Browser]:
    """Somebody's browser at that desk."""
    async with open_browser(desk) as opened:
        yield opened


@pytest.fixture
def quiet_log() -> Iterator[list[MutableMapping[str, Any]]]:
    """What was logged, instead of printing it: drawing the traceback of a bug takes seconds."""
    with capture_logs() as logs:
        yield logs


@pytest.fixture
def sign_in(service: Service) -> SignIn:
    """Accounts of the shared application."""
    return SignIn(service)
