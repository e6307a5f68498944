"""Files that messages only name: fetched once, within bounds, and called what they are."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest

from channels.base import ChannelKit, MediaRefused, SignInNeeded, VendorAway
from channels.media import SAFE_TYPES
from channels.whatsapp.write import WhatsAppWriter
from database.files import PostgresFiles
from database.pool import DbPool
from database.queries import attachments
from database.queries.attachments import MissingFile
from database.types import Attachment
from tests.database.builders import open_conversation
from workers.media import MediaKeeper

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + b"\x00" * 64
MAX_BYTES = 100_000
MAX_ATTEMPTS = 8
INBOX = "+15550100"

Answer = bytes | Exception


@dataclass
class Vendor:
    """Has files, and answers each request with the next of its answers."""

    answers: list[Answer]
    before_answer: Callable[[], Awaitable[None]] | None = None
    asked: list[tuple[str, str | None, int]] = field(default_factory=list)

    async def fetch(self, inbox: str, attachment: Attachment, *, max_bytes: int) -> bytes:
        self.asked.append((inbox, attachment.locator, max_bytes))
        answer = self.answers.pop(0)
        if self.before_answer is not None:
            await self.before_answer()
        if isinstance(answer, Exception):
            raise answer
        return answer


@dataclass
class Desk:
    """One message that names files, and who fetches them."""

    pool: DbPool
    vendor: Vendor | None

    def __post_init__(self) -> None:
        kit = ChannelKit("whatsapp", WhatsAppWriter(), media=self.vendor)
        self.keeper = MediaKeeper(self.pool, PostgresFiles(self.pool), {"whatsapp": kit}, max_bytes=MAX_BYTES)

    async def claim(self) -> list[MissingFile]:
        async with self.pool.acquire() as conn:
            return await attachments.claim_missing(conn, max_files=5, lease_seconds=60)

    async def keep(self) -> None:
        """Fetch what is due, however long that was put off."""
        await self.fetch("UPDATE message_attachments SET ready_at = now() WHERE digest IS NULL RETURNING 1")
        (missing,) = await self.claim()
        await self.keeper.keep(missing)

    async def read(self) -> dict[str, Any]:
        (row,) = await self.fetch(
            "SELECT *, extract(epoch FROM ready_at - now())::float8 AS delay FROM message_attachments"
        )
        return dict(row)

    async def fetch(self, sql: str, *values: object) -> list[Any]:
        async with self.pool.acquire() as conn:
            return list(await conn.fetch(sql, *values))


async def open_desk(pool: DbPool, *answers: Answer, claimed: str = "image/png", name: str = "box.png") -> Desk:
    desk = Desk(pool, Vendor(list(answers)))
    await attach(desk, Attachment(name=name, content_type=claimed, locator="ME1"))
    return desk


async def attach(desk: Desk, *files: Attachment) -> None:
    async with desk.pool.acquire() as conn:
        await open_conversation(conn, "+15550199", channel="whatsapp", inbox=INBOX)
        message_id: UUID = await conn.fetchval("SELECT id FROM messages")
        await attachments.add_attachments(conn, message_id, files)  # type: ignore[arg-type]  # a MessageId


async def test_a_file_is_fetched_once_and_stored_by_its_content(pool: DbPool) -> None:
    desk = await open_desk(pool, PNG)
    await desk.keep()
    row = await desk.read()
    assert row["digest"] == sha256(PNG).digest()
    assert (row["size"], row["content_type"], row["locator"]) == (len(PNG), "image/png", None)
    assert desk.vendor is not None
    assert desk.vendor.asked == [(INBOX, "ME1", MAX_BYTES)]
    assert await PostgresFiles(pool).get(sha256(PNG).hexdigest()) == PNG
    await desk.fetch("UPDATE message_attachments SET ready_at = now() RETURNING 1")
    assert await desk.claim() == []


@pytest.mark.parametrize(
    ("content", "claimed", "name"),
    [
        (b"<html><script>alert(1)</script></html>", "image/png", "box.png"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "image/svg+xml", "box.svg"),
        (PNG, "text/html", "box.html"),
        (b"MZ\x90\x00" + b"\x00" * 100, "application/pdf", "invoice.pdf"),
    ],
    ids=["page as image", "svg", "image as page", "program as document"],
)
async def test_a_file_is_called_what_it_is_and_not_what_its_sender_says(
    pool: DbPool, content: bytes, claimed: str, name: str
) -> None:
    desk = await open_desk(pool, content, claimed=claimed, name=name)
    await desk.keep()
    kind = (await desk.read())["content_type"]
    assert kind in SAFE_TYPES
    assert kind == ("image/png" if content == PNG else "application/octet-stream")


async def test_a_file_that_the_vendor_refuses_is_not_asked_for_again(pool: DbPool) -> None:
    desk = await open_desk(pool, MediaRefused("it is gone"))
    await desk.keep()
    assert (await desk.read())["problem"] == "it is gone"
    assert await desk.claim() == []


async def test_a_file_larger_than_what_is_taken_is_not_stored(pool: DbPool) -> None:
    desk = await open_desk(pool, b"x" * (MAX_BYTES + 1))
    await desk.keep()
    assert "larger" in (await desk.read())["problem"]
    assert await desk.fetch("SELECT 1 FROM attachments") == []


@pytest.mark.parametrize(
    "error", [VendorAway("503"), SignInNeeded("revoked"), KeyError("a bug")], ids=["away", "sign-in", "bug"]
)
async def test_a_file_that_cannot_be_had_now_is_tried_again_and_not_for_ever(pool: DbPool, error: Exception) -> None:
    desk = await open_desk(pool, *[error] * MAX_ATTEMPTS)
    for attempt in range(1, MAX_ATTEMPTS):
        await desk.keep()
        row = await desk.read()
        assert (row["problem"], row["attempts"]) == (None, attempt)
        assert row["delay"] > 1
        assert await desk.claim() == []
    await desk.keep()
    assert (await desk.read())["problem"]
    assert await desk.claim() == []


async def test_a_file_is_had_once_the_vendor_is_back(pool: DbPool) -> None:
    desk = await open_desk(pool, VendorAway("503"), PNG)
    await desk.keep()
    await desk.keep()
    assert (await desk.read())["digest"] == sha256(PNG).digest()


async def test_without_access_to_the_vendor_the_file_says_so(pool: DbPool) -> None:
    desk = Desk(pool, None)
    await attach(desk, Attachment(name="box.png", content_type="image/png", locator="ME1"))
    await desk.keep()
    assert "whatsapp" in (await desk.read())["problem"]


async def test_a_worker_that_dies_leaves_the_file_to_the_next(pool: DbPool) -> None:
    desk = await open_desk(pool, PNG)
    assert len(await desk.claim()) == 1  # and nothing more is heard of it
    assert await desk.claim() == []
    await desk.keep()
    assert (await desk.read())["attempts"] == 2


async def test_two_workers_fetch_different_files(pool: DbPool) -> None:
    desk = Desk(pool, Vendor([]))
    await attach(desk, *(Attachment(name=str(n), content_type="image/png", locator=f"ME{n}") for n in range(10)))
    claimed = await asyncio.gather(*(desk.claim() for _ in range(4)))
    ids = [missing.id for files in claimed for missing in files]
    assert len(ids) == len(set(ids)) == 10


async def test_the_same_content_from_two_senders_is_stored_once(pool: DbPool) -> None:
    desk = Desk(pool, Vendor([PNG, PNG]))
    await attach(desk, *(Attachment(name=str(n), content_type="image/png", locator=f"ME{n}") for n in range(2)))
    await asyncio.gather(*(desk.keeper.keep(missing) for missing in await desk.claim()))
    assert len(await desk.fetch("SELECT 1 FROM attachments")) == 1
    assert len(await desk.fetch("SELECT 1 FROM message_attachments WHERE digest IS NOT NULL")) == 2


async def test_a_slow_fetch_that_was_taken_over_changes_nothing(pool: DbPool) -> None:
    desk = await open_desk(pool, MediaRefused("expired"), PNG)
    (slow,) = await desk.claim()
    assert desk.vendor is not None

    async def finish_first() -> None:
        assert desk.vendor is not None
        desk.vendor.before_answer = None
        await desk.keep()

    desk.vendor.before_answer = finish_first
    await desk.keeper.keep(slow)
    row = await desk.read()
    assert (row["digest"], row["problem"]) == (sha256(PNG).digest(), None)
