"""What the image holds works: installed from its wheel, away from the repository, with nothing to write to."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest

from database.notify import TICKET_CHANNEL
from database.pool import connect
from tests.acceptance.processes import SECRET_KEY, find_free_port, wait_until_healthy
from tests.api.test_pages import FOREVER
from tests.conftest import cloned
from tests.deploy.context import ROOT
from tests.deploy.image import Image, build_image, can_contain

QUESTION = "I forgot my password. How do I reset it so that I can log in again?"
FORM = {"name": "Ada", "email": "ada@example.com", "subject": "Password", "message": QUESTION}
ANSWER_SECONDS = 120
PROBE = """
import os, pathlib, sys
def can_write(folder):
    try:
        (pathlib.Path(folder) / "probe").write_text("")
    except OSError:
        return False
    return True
print(os.getuid(), os.getpid(), *map(can_write, sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    """The image, built once. Not below pytest's own folder, which is closed to the image's user."""
    if not (ROOT / "web" / "dist" / "index.html").is_file():
        pytest.skip("the web pages are not built")
    with TemporaryDirectory(prefix="nightdesk-image-") as folder:
        Path(folder).chmod(0o755)
        yield build_image(Path(folder))


@pytest.fixture
async def empty_url(server_url: str) -> AsyncIterator[str]:
    """A database with nothing in it."""
    async with cloned(server_url, "template1") as url:
        yield url


def list_files(folder: Path) -> dict[Path, int]:
    """Every file and folder below, and when it was last changed."""
    return {path: path.lstat().st_mtime_ns for path in folder.rglob("*")}


async def ask(base: str, database_url: str) -> dict[str, object]:
    """Send the form, and return the ticket once its reply has been sent."""
    conn = await connect(database_url, application="test")
    changed = asyncio.Event()
    await conn.add_listener(TICKET_CHANNEL, lambda *_: changed.set())
    try:
        async with httpx.AsyncClient(base_url=base, timeout=30) as client, asyncio.timeout(ANSWER_SECONDS):
            accepted = await client.post("/support/submit", json=FORM)
            assert accepted.status_code == 202, accepted.text
            while not await conn.fetchval("SELECT count(*) FROM outbox WHERE state = 'sent'"):
                await changed.wait()
                changed.clear()
            ticket: dict[str, object] = (await client.get(accepted.json()["status_url"])).json()
            return ticket
    finally:
        await conn.close()


async def expect_pages(base: str) -> None:
    """The pages, and a file that one of them names."""
    async with httpx.AsyncClient(base_url=base, timeout=30) as client:
        for path in ("/", "/desk", "/docs"):
            page = await client.get(path)
            assert page.status_code == 200, path
            [asset, *_] = re.findall(r'src="(/assets/[^"]+\.js)"', page.text)
            answer = await client.get(asset)
            assert (answer.status_code, answer.headers["cache-control"]) == (200, FOREVER)


@pytest.mark.usefixtures("embedder")
async def test_the_image_migrates_answers_and_stops_with_nothing_to_write_to(
    image: Image, empty_url: str, tmp_path: Path
) -> None:
    before, port = list_files(image.folder), find_free_port()
    base = f"http://127.0.0.1:{port}"
    desk = {"DATABASE_URL": empty_url, "SECRET_KEY": SECRET_KEY, "API_PORT": str(port)}
    async with image.run([*image.entrypoint, "migrate"], tmp_path / "migrate", **desk) as migration:
        assert "0001_backbone" in await migration.finish()
    articles = str(image.packages / "docs" / "sample-knowledge" / "login")
    async with (
        image.run([*image.entrypoint, "api"], tmp_path / "api", **desk) as api,
        image.run([*image.entrypoint, "worker"], tmp_path / "worker", **desk) as worker,
        image.run([*image.entrypoint, "kb", "add", articles], tmp_path / "kb", **desk) as loading,
    ):
        await loading.finish()
        await wait_until_healthy(base)
        await expect_pages(base)
        ticket = await ask(base, empty_url)
        assert ticket["status"] == "auto_resolved", ticket
        for process in (api, worker):
            process.stop()
            said = await process.finish()
            assert "Traceback" not in said
            assert SECRET_KEY not in said
    assert list_files(image.folder) == before
    kept = {path.name for role in ("migrate", "kb", "api", "worker") for path in (tmp_path / role / "data").iterdir()}
    assert kept == {"seeds"}, "what docs/deploy/docker.md says is kept there"


@pytest.mark.skipif(not can_contain(), reason="needs root and namespaces")
async def test_a_contained_command_is_nobody_and_can_write_to_its_two_folders_alone(
    image: Image, tmp_path: Path
) -> None:
    places = [tmp_path / "home" / "data", tmp_path / "home" / "tmp", tmp_path, image.folder, image.packages, "/dev/shm"]
    probe = [str(image.folder / "bin" / "python"), "-c", PROBE, *map(str, [*places, "/tmp", "/var/tmp"])]
    async with image.run(probe, tmp_path / "home") as process:
        assert await process.finish() == "10001 1 True True False False False False False False\n"
