"""`nightdesk queue show-source` and `replay-source`: what arrived, as it arrived, and read once more."""

from collections.abc import AsyncIterator
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from uuid import uuid4

import pytest

from database.pool import DbConnection, connect
from database.queries import sources
from database.queries.sources import SourceState
from database.types import Channel, Source, SourceId
from tests.cli.command import assert_clear_error, run, run_bytes, run_cold

INBOX = "support@example.com"
MAILBOX = {
    "MAILBOX_ADDRESS": INBOX,
    "MAILBOX_PASSWORD": "secret",
    "MAILBOX_IMAP_HOST": "127.0.0.1",
    "MAILBOX_SMTP_HOST": "127.0.0.1",
}
TWILIO = {
    "API_PUBLIC_URL": "https://desk.example.com",
    "TWILIO_ACCOUNT_SID": "AC" + "1" * 32,
    "TWILIO_AUTH_TOKEN": "secret",
    "TWILIO_NUMBER": "+15550100",
}


@pytest.fixture
async def conn_of_desk(database_url: str) -> AsyncIterator[DbConnection]:
    conn = await connect(database_url, application="test")
    yield conn
    await conn.close()


def write_mail(text: str = "Where is my order?", *, page: str | None = None) -> bytes:
    mail = EmailMessage(policy=SMTP)
    mail["From"] = "Alice <alice@example.com>"
    mail["To"] = INBOX
    mail["Subject"] = "My order"
    mail["Message-ID"] = "<1@example.com>"
    mail["Date"] = "Sat, 21 Nov 2026 09:30:00 +0000"
    mail.set_content(text)
    if page is not None:
        mail.add_attachment(page.encode(), maintype="image", subtype="png", filename="box.png")
    return mail.as_bytes()


async def keep(
    conn: DbConnection,
    body: bytes,
    *,
    channel: Channel = "mailbox",
    inbox: str = INBOX,
    origin: str = "poll",
    state: SourceState = "malformed",
    reason: str | None = "an older parser could not",
) -> SourceId:
    source = Source(channel, inbox, uuid4().hex, body)
    return await sources.keep_source(conn, source, origin=origin, state=state, reason=reason)


async def read_state(conn: DbConnection, source_id: SourceId) -> tuple[str, str | None]:
    row = await conn.fetchrow("SELECT state, reason FROM message_sources WHERE id = $1", source_id)
    assert row is not None
    return row["state"], row["reason"]


async def test_a_source_is_shown_with_where_it_came_from(
    conn_of_desk: DbConnection, database_url: str, tmp_path: Path
) -> None:
    source_id = await keep(conn_of_desk, b"Subject: \x1b[31mHi\r\n\r\n\xff\x00body")
    shown = run("queue", "show-source", str(source_id), database_url=database_url, folder=tmp_path)
    assert shown.returncode == 0, shown.stderr
    for expected in ("mailbox", INBOX, "poll", "malformed", "an older parser could not", "Subject: ", "body"):
        assert expected in shown.stdout
    assert "\x1b" not in shown.stdout  # a mail does not drive the terminal
    assert "\x00" not in shown.stdout


async def test_the_bytes_can_be_had_as_they_are(conn_of_desk: DbConnection, database_url: str, tmp_path: Path) -> None:
    body = bytes(range(256)) + b"\r\n\r\n"
    source_id = await keep(conn_of_desk, body)
    shown = run_bytes("queue", "show-source", str(source_id), "--raw", database_url=database_url, folder=tmp_path)
    assert shown.stdout == body


async def test_a_mail_that_can_be_read_now_is_taken_in_once(
    conn_of_desk: DbConnection, database_url: str, tmp_path: Path
) -> None:
    source_id = await keep(conn_of_desk, write_mail(page="<html><script>alert(1)</script></html>"))
    arguments = ("queue", "replay-source", str(source_id))
    first = run_cold(*arguments, database_url=database_url, folder=tmp_path, **MAILBOX)
    assert first.stdout.strip() == "messages: 1 new; reports: 0", first.stderr
    assert await read_state(conn_of_desk, source_id) == ("stored", None)
    again = run(*arguments, database_url=database_url, folder=tmp_path, **MAILBOX)
    assert again.stdout.strip() == "messages: 1 known before; reports: 0", again.stderr
    row = await conn_of_desk.fetchrow("SELECT payload ->> 'source_id' AS source, payload FROM message_queue")
    assert row is not None
    assert row["source"] == str(source_id)
    assert "Where is my order?" in row["payload"]
    # Called by what it is, as when it is fetched, and its content is at hand.
    assert await conn_of_desk.fetchval("SELECT payload #>> '{attachments,0,content_type}' FROM message_queue") == (
        "application/octet-stream"
    )
    assert await conn_of_desk.fetchval("SELECT count(*) FROM attachments") == 1


async def test_a_mail_that_could_not_be_fetched_is_fetched_by_the_next_sync(
    conn_of_desk: DbConnection, database_url: str, tmp_path: Path
) -> None:
    source_id = await keep(conn_of_desk, b"")
    replayed = run("queue", "replay-source", str(source_id), database_url=database_url, folder=tmp_path, **MAILBOX)
    assert "next sync" in replayed.stdout, replayed.stderr
    assert await read_state(conn_of_desk, source_id) == ("listed", None)
    assert await conn_of_desk.fetchval("SELECT count(*) FROM message_queue") == 0


async def test_a_webhook_is_read_by_the_receiver_of_its_address(
    conn_of_desk: DbConnection, database_url: str, tmp_path: Path
) -> None:
    form = f"MessageSid=SM{'1' * 32}&From=whatsapp%3A%2B15550199&To=whatsapp%3A%2B15550100&Body=Hello&NumMedia=0"
    webhook = {"channel": "whatsapp", "inbox": "", "origin": "whatsapp"}
    source_id = await keep(conn_of_desk, form.encode(), **webhook)  # type: ignore[arg-type]  # a Channel
    replayed = run("queue", "replay-source", str(source_id), database_url=database_url, folder=tmp_path, **TWILIO)
    assert replayed.stdout.strip() == "messages: 1 new; reports: 0", replayed.stderr
    assert await conn_of_desk.fetchval("SELECT payload ->> 'text' FROM message_queue") == "Hello"


async def test_what_is_nothing_to_us_is_marked_so(
    conn_of_desk: DbConnection, database_url: str, tmp_path: Path
) -> None:
    body = write_mail().replace(b"alice@example.com", INBOX.encode())  # our own mail, come back
    source_id = await keep(conn_of_desk, body)
    replayed = run("queue", "replay-source", str(source_id), database_url=database_url, folder=tmp_path, **MAILBOX)
    assert "messages: none" in replayed.stdout, replayed.stderr
    state, reason = await read_state(conn_of_desk, source_id)
    assert state == "ignored"
    assert reason
    assert reason in replayed.stdout


async def test_a_source_whose_account_is_not_configured_any_more_is_a_clear_error(
    conn_of_desk: DbConnection, database_url: str, tmp_path: Path
) -> None:
    source_id = await keep(conn_of_desk, write_mail())
    for variables in ({}, MAILBOX | {"MAILBOX_ADDRESS": "other@example.com"}):
        result = run("queue", "replay-source", str(source_id), database_url=database_url, folder=tmp_path, **variables)
        assert_clear_error(result, "not configured")
    assert await read_state(conn_of_desk, source_id) == ("malformed", "an older parser could not")


@pytest.mark.parametrize("command", ["show-source", "replay-source"])
async def test_an_unknown_source_is_a_clear_error(
    command: str, conn_of_desk: DbConnection, database_url: str, tmp_path: Path
) -> None:
    unknown = str(uuid4())
    assert_clear_error(run("queue", command, unknown, database_url=database_url, folder=tmp_path), unknown)


async def test_a_source_that_is_only_listed_has_nothing_to_show(
    conn_of_desk: DbConnection, database_url: str, tmp_path: Path
) -> None:
    await sources.list_ids(conn_of_desk, "mailbox", INBOX, ["1"])
    source_id = str(await conn_of_desk.fetchval("SELECT id FROM message_sources"))
    assert_clear_error(run("queue", "show-source", source_id, database_url=database_url, folder=tmp_path), source_id)
