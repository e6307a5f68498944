"""A real browser before a real server. Skipped where no Chromium is installed or the pages are not built."""

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright

from api.routes.pages import PAGES
from core.passwords import hash_password
from core.settings import Settings
from database.queries import users
from tests.api.service import LOWEST_COST, Service, serve
from tests.browser.console import ADMIN, PASSWORD, Console

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


def find_chromium() -> str:
    """The browser: the one in $CHROMIUM, or the first on the path."""
    found = (os.environ.get("CHROMIUM"), *(shutil.which(name) for name in CHROMIUM))
    path = next(filter(None, found), None)
    if path is None:
        pytest.skip("no Chromium is installed")
    return path


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One browser for all tests; each opens a window of its own, with cookies of its own."""
    if not (PAGES / "console.html").is_file():
        pytest.skip("the web pages are not built")
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox"])
        yield launched
        await launched.close()


@pytest.fixture
async def site(settings: Settings, database_url: str) -> AsyncIterator[Service]:
    """A server with an empty desk, and an admin who may sign in."""
    async with serve(settings, database_url) as service:
        password_hash = hash_password(PASSWORD, cost=LOWEST_COST)
        async with service.pool.acquire() as conn:
            await users.add_user(conn, email=ADMIN, name="Ada Byron", role="admin", password_hash=password_hash)
        yield service


@pytest.fixture
async def console(browser: Browser, site: Service, request: pytest.FixtureRequest) -> AsyncIterator[Console]:
    """The console in a window of its own, nobody signed in. What it complains about fails the test."""
    context = await browser.new_context(base_url=str(site.client.base_url), reduced_motion="reduce")
    opened = Console(await context.new_page(), Path(".data") / "screenshots", request.node.name)
    yield opened
    await context.close()
    assert not opened.complaints
