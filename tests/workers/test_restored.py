"""A desk that was restored after the one before it had gone on: nobody is answered twice, counted at Gmail."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from database.backup import back_up
from database.restore import restore
from tests.conftest import cloned
from tests.database.test_backup import hear_nothing
from tests.emulators.gmail import serve_gmail
from tests.emulators.gmail_rest import Gmail
from tests.workers.predecessors import MailDesk, count_replies, open_mail_desk, write_to


@dataclass
class Succession:
    """One mailbox, the desk that was backed up with work in hand, and its backup."""

    gmail: Gmail
    old: MailDesk
    backup: Path

    def write(self, subject: str) -> None:
        write_to(self.gmail, subject)

    @property
    def replies(self) -> dict[str, int]:
        return count_replies(self.gmail)


@pytest.fixture
async def succession(database_url: str, tmp_path: Path) -> AsyncIterator[Succession]:
    """In the backup `Waiting` waits for an answer, and `Unsent` has one that is not sent."""
    async with serve_gmail() as gmail, open_mail_desk(database_url, gmail) as old:
        await old.poll()
        write_to(gmail, "Unsent")
        await old.poll()
        await old.think()
        write_to(gmail, "Waiting")
        await old.poll()
        await back_up(database_url, tmp_path / "desk.tar", product="0.1.0", key="k", report=hear_nothing)
        yield Succession(gmail, old, tmp_path / "desk.tar")


@pytest.fixture
async def new(succession: Succession, server_url: str) -> AsyncIterator[MailDesk]:
    """An empty database, and the desk that will be there."""
    async with cloned(server_url, "template1") as url, open_mail_desk(url, succession.gmail) as desk:
        yield desk


async def restore_into(desk: MailDesk, path: Path) -> None:
    await restore(desk.url, path, report=hear_nothing)


async def list_handovers(desk: MailDesk) -> dict[str, str]:
    rows = await desk.fetch(
        "SELECT c.reply_path ->> 'subject' AS subject, t.handover_reason"
        "  FROM tickets t JOIN conversations c ON c.id = t.conversation_id WHERE t.status = 'escalated'"
    )
    return {row["subject"]: row["handover_reason"] for row in rows}


async def test_nobody_is_answered_twice_though_the_desk_before_went_on(succession: Succession, new: MailDesk) -> None:
    succession.write("In between")
    await succession.old.work()
    answered = {"Unsent": 1, "Waiting": 1, "In between": 1}
    assert succession.replies == answered
    await restore_into(new, succession.backup)
    succession.write("Later")
    assert await new.work() == 0
    assert succession.replies == answered
    resumed = await new.resume()
    assert resumed is not None
    assert (resumed.was_restored, resumed.doubted) == (True, 1)
    await new.work()
    assert succession.replies == answered | {"Later": 1}
    handovers = await list_handovers(new)
    assert set(handovers) == {"Waiting", "In between"}
    assert all("may have been answered already" in reason for reason in handovers.values())
    assert [row["state"] for row in await new.fetch("SELECT state FROM outbox ORDER BY id")] == ["sent", "sent"]


async def test_a_reply_that_the_desk_before_never_sent_is_sent_once_gmail_has_said_that_it_has_none(
    succession: Succession, new: MailDesk
) -> None:
    await restore_into(new, succession.backup)
    await new.resume()
    await new.work()
    assert succession.replies == {"Unsent": 1}
    assert set(await list_handovers(new)) == {"Waiting"}


async def test_a_planned_move_sends_and_answers_everything_that_waited(succession: Succession, new: MailDesk) -> None:
    await restore_into(new, succession.backup)
    succession.write("Meanwhile")
    assert await new.work() == 0
    await new.resume(nothing_was_sent=True)
    await new.work()
    assert succession.replies == {"Unsent": 1, "Waiting": 1, "Meanwhile": 1}
    assert await list_handovers(new) == {}


async def test_a_paused_desk_takes_mail_in_and_asks_gmail_for_nothing_else(
    succession: Succession, new: MailDesk
) -> None:
    await restore_into(new, succession.backup)
    await new.fetch("UPDATE channel_cursors SET watched_at = NULL")
    before = succession.gmail.requests.copy()
    succession.write("While paused")
    await new.work()
    asked = succession.gmail.requests - before
    assert set(asked) == {"token", "history.list", "messages.get"}
    subjects = await new.fetch("SELECT payload -> 'reply_path' ->> 'subject' AS subject FROM message_queue ORDER BY id")
    assert [row["subject"] for row in subjects] == ["Unsent", "Waiting", "While paused"]
