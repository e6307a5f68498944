"""Sends in doubt: the vendor is asked, what it has is never sent again, and what it cannot say a person decides."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from channels.base import ChannelKit, DeliveryUncertain, Receipt, SignInNeeded, VendorAway
from channels.mail.write import MailWriter
from core.settings import Settings
from database import outbox
from database.outbox import Doubtful
from database.pool import DbPool
from database.types import MailPath, MessageId, OutboundMessage, StatusUpdate
from tests.database.builders import open_conversation, queue_reply
from workers.delivery import Deliverer
from workers.reconcile import ABSENCES, MAX_CHECKS, MAX_SENDS, Reconciliation

CONTACT = "alice@example.com"
INBOX = "support@example.com"

Answer = Receipt | Exception | None


@dataclass
class Vendor:
    """Accepts replies and is not heard, and answers each question with the next of its answers."""

    answers: list[Answer] = field(default_factory=list)
    before_answer: Callable[[], Awaitable[None]] | None = None
    is_repeatable: bool = False
    is_deaf: bool = False
    accepted: list[MessageId] = field(default_factory=list)
    questions: int = 0

    async def send(self, message: OutboundMessage) -> Receipt:
        self.accepted.append(message.id)
        if self.is_deaf or len(self.accepted) == 1:
            raise DeliveryUncertain("no answer")
        return Receipt(f"vendor-{len(self.accepted)}")

    async def find(self, _message: OutboundMessage) -> Receipt | None:
        self.questions += 1
        answer = self.answers.pop(0)
        if self.before_answer is not None:
            await self.before_answer()
        if isinstance(answer, Exception):
            raise answer
        return answer


@dataclass
class Desk:
    """One reply in doubt, who delivers and who asks."""

    pool: DbPool
    vendor: Vendor
    reply_id: MessageId
    sent: list[str] = field(default_factory=list)
    requeued: int = 0

    def __post_init__(self) -> None:
        kit = ChannelKit("gmail", MailWriter(), self.vendor, self.vendor)
        self.deliverer = Deliverer(self.pool, {"gmail": kit}, Settings.model_construct(), on_result=self.sent.append)
        self.reconciliation = Reconciliation(
            self.pool, {"gmail": kit}, check_seconds=30, on_sent=self.sent.append, on_requeued=self._count
        )

    def _count(self) -> None:
        self.requeued += 1

    async def deliver(self) -> int:
        """Send everything that may go; returns how much that was."""
        async with self.pool.acquire() as conn:
            replies = await outbox.claim(conn, max_replies=5, lease_seconds=60)
        for reply in replies:
            await self.deliverer.deliver(reply)
        return len(replies)

    async def claim(self) -> list[Doubtful]:
        async with self.pool.acquire() as conn:
            await conn.execute("UPDATE outbox SET ready_at = now() WHERE state = 'unknown' AND ready_at < 'infinity'")
            return await outbox.claim_doubtful(conn, channels=["gmail"], max_replies=5, lease_seconds=60)

    async def ask(self) -> None:
        (doubtful,) = await self.claim()
        await self.reconciliation.settle(doubtful)

    async def read(self) -> dict[str, Any]:
        async with self.pool.acquire() as conn:
            row = await conn.fetchrow(
                "SELECT *, extract(epoch FROM ready_at - now())::float8 AS delay FROM outbox WHERE id = $1",
                self.reply_id,
            )
            assert row is not None
            return dict(row)

    async def report(self, update: StatusUpdate) -> None:
        async with self.pool.acquire() as conn:
            await outbox.apply_status(conn, "gmail", self.reply_id, update)

    async def fetch_value(self, sql: str, *values: object) -> Any:  # a column has any type
        async with self.pool.acquire() as conn:
            return await conn.fetchval(sql, *values)


async def open_desk(pool: DbPool, *answers: Answer) -> Desk:
    async with pool.acquire() as conn:
        conversation_id = await open_conversation(conn, CONTACT, channel="gmail", inbox=INBOX)
        path = MailPath(to=CONTACT, subject="Hello").model_dump_json()
        await conn.execute("UPDATE conversations SET reply_path = $1", path)
        reply_id = await queue_reply(conn, conversation_id, "Here is how.", channel="gmail", inbox=INBOX)
    desk = Desk(pool, Vendor(list(answers)), reply_id)
    assert await desk.deliver() == 1
    assert (await desk.read())["state"] == "unknown"
    return desk


async def test_a_send_in_doubt_is_asked_about_after_a_while(pool: DbPool) -> None:
    desk = await open_desk(pool)
    assert 20 < (await desk.read())["delay"] <= 30
    assert desk.sent == []


async def test_what_the_vendor_has_is_sent_and_never_sent_again(pool: DbPool) -> None:
    desk = await open_desk(pool, Receipt("vendor-1", mail_id="<1@example.com>", known_as=("<1@example.com>",)))
    await desk.ask()
    row = await desk.read()
    assert (row["state"], row["vendor_id"], row["mail_id"]) == ("sent", "vendor-1", "<1@example.com>")
    assert await desk.deliver() == 0
    assert await desk.claim() == []
    assert len(desk.vendor.accepted) == 1
    assert (desk.sent, desk.requeued) == ([CONTACT], 1)
    assert await desk.fetch_value("SELECT contact FROM thread_keys") == CONTACT  # answers to it find their thread


async def test_what_is_absent_once_is_not_sent_again_yet(pool: DbPool) -> None:
    desk = await open_desk(pool, None)
    await desk.ask()
    row = await desk.read()
    assert (row["state"], row["absences"]) == ("unknown", 1)
    assert row["delay"] > 30
    assert await desk.deliver() == 0


async def test_what_is_absent_twice_is_sent_again_exactly_once(pool: DbPool) -> None:
    desk = await open_desk(pool, *[None] * ABSENCES)
    for _ in range(ABSENCES):
        await desk.ask()
    assert (await desk.read())["state"] == "queued"
    assert await desk.deliver() == 1
    assert await desk.deliver() == 0
    assert (await desk.read())["state"] == "sent"
    assert desk.vendor.accepted == [desk.reply_id] * 2  # under the same key


async def test_what_shows_up_after_it_was_absent_is_not_sent_again(pool: DbPool) -> None:
    desk = await open_desk(pool, None, VendorAway("503"), Receipt("vendor-1"))
    for _ in range(3):
        await desk.ask()
    assert (await desk.read())["state"] == "sent"
    assert len(desk.vendor.accepted) == 1


@pytest.mark.parametrize(
    "error", [VendorAway("503"), SignInNeeded("revoked"), KeyError("a bug")], ids=["away", "sign-in", "bug"]
)
async def test_a_vendor_that_cannot_say_is_asked_so_often_and_then_a_person_decides(
    pool: DbPool, error: Exception
) -> None:
    desk = await open_desk(pool, *[error] * MAX_CHECKS)
    delays: list[float] = []
    for _ in range(MAX_CHECKS - 1):
        await desk.ask()
        delays.append((await desk.read())["delay"])
    assert delays == sorted(delays)
    assert 600 < sum(delays) < 3_600
    assert await desk.fetch_value("SELECT count(*) FROM notices") == 0
    await desk.ask()
    row = await desk.read()
    assert (row["state"], row["lease_token"]) == ("unknown", None)
    assert await desk.claim() == []
    assert await desk.fetch_value("SELECT kind FROM notices") == "in_doubt"
    assert await desk.fetch_value("SELECT delivery_problem FROM tickets")
    assert len(desk.vendor.accepted) == 1
    assert desk.requeued == 1  # later replies need not wait any more


async def test_later_replies_wait_while_the_vendor_is_asked_and_no_longer(pool: DbPool) -> None:
    desk = await open_desk(pool, *[VendorAway("503")] * MAX_CHECKS)
    async with pool.acquire() as conn:
        conversation_id = await conn.fetchval("SELECT id FROM conversations")
        await queue_reply(conn, conversation_id, "And one more thing.", channel="gmail", inbox=INBOX)
    for _ in range(MAX_CHECKS):
        assert await desk.deliver() == 0
        await desk.ask()
    assert await desk.deliver() == 1


@pytest.mark.parametrize("state", ["sent", "delivered", "failed"])
@pytest.mark.parametrize("answer", [None, VendorAway("503"), Receipt("vendor-1")], ids=["absent", "away", "found"])
async def test_a_report_that_comes_while_the_vendor_is_asked_wins(
    pool: DbPool,
    state: Any,
    answer: Answer,  # a DeliveryState
) -> None:
    desk = await open_desk(pool, None, answer)
    await desk.ask()

    async def report() -> None:
        await desk.report(StatusUpdate(state, vendor_id="vendor-1", error="no mailbox" if state == "failed" else None))

    desk.vendor.before_answer = report
    await desk.ask()
    row = await desk.read()
    assert (row["state"], row["vendor_id"]) == (state, "vendor-1")
    assert await desk.deliver() == 0
    assert await desk.claim() == []
    assert len(desk.vendor.accepted) == 1


async def test_a_verdict_that_comes_while_the_vendor_is_asked_is_not_undone(pool: DbPool) -> None:
    desk = await open_desk(pool, None, None)
    await desk.ask()

    async def confirm() -> None:
        async with pool.acquire() as conn:
            assert await outbox.confirm_sent(conn, desk.reply_id) is not None

    desk.vendor.before_answer = confirm
    await desk.ask()
    assert (await desk.read())["state"] == "sent"
    assert await desk.deliver() == 0


async def test_a_worker_that_dies_while_it_asks_leaves_the_question_to_the_next(pool: DbPool) -> None:
    desk = await open_desk(pool, Receipt("vendor-1"))
    assert len(await desk.claim()) == 1  # and nothing more is heard of it
    async with pool.acquire() as conn:
        assert await outbox.claim_doubtful(conn, channels=["gmail"], max_replies=5, lease_seconds=60) == []
    await desk.ask()
    assert ((await desk.read())["state"], desk.vendor.questions) == ("sent", 1)


async def test_a_question_that_was_taken_over_settles_nothing(pool: DbPool) -> None:
    desk = await open_desk(pool, None, None, None)
    await desk.ask()
    (slow,) = await desk.claim()
    (quick,) = await desk.claim()
    await desk.reconciliation.settle(slow)
    assert (await desk.read())["state"] == "unknown"
    await desk.reconciliation.settle(quick)
    assert (await desk.read())["state"] == "queued"


async def test_a_question_that_kills_its_workers_goes_to_a_person(pool: DbPool) -> None:
    desk = await open_desk(pool)
    for _ in range(MAX_CHECKS + ABSENCES):
        assert len(await desk.claim()) == 1
    await desk.ask()
    assert desk.vendor.questions == 0
    assert await desk.fetch_value("SELECT kind FROM notices") == "in_doubt"


async def test_a_reply_is_asked_about_by_one_worker_at_a_time(pool: DbPool) -> None:
    desk = await open_desk(pool)
    await desk.fetch_value("UPDATE outbox SET ready_at = now()")

    async def claim() -> int:
        async with pool.acquire() as conn:
            return len(await outbox.claim_doubtful(conn, channels=["gmail"], max_replies=5, lease_seconds=60))

    assert sum(await asyncio.gather(*(claim() for _ in range(8)))) == 1


async def test_a_second_doubt_about_the_same_reply_begins_anew(pool: DbPool) -> None:
    desk = await open_desk(pool, None, None, None)
    for _ in range(ABSENCES):
        await desk.ask()
    async with pool.acquire() as conn:
        (reply,) = await outbox.claim(conn, max_replies=5, lease_seconds=60)
        await outbox.mark_doubtful(conn, reply, "no answer either", check_seconds=0)
    await desk.ask()
    row = await desk.read()
    assert (row["state"], row["absences"], row["checks"]) == ("unknown", 1, 1)


async def test_a_vendor_that_never_takes_it_and_never_says_so_ends_with_a_person(pool: DbPool) -> None:
    desk = await open_desk(pool, *[None] * (ABSENCES * (MAX_SENDS + 2)))
    desk.vendor.is_deaf = True
    rounds = 0
    while (await desk.read())["state"] in {"unknown", "queued"}:
        rounds += 1
        assert rounds < 50, "it goes on for ever"
        if (await desk.read())["state"] == "unknown":
            await desk.ask()
        else:
            await desk.deliver()
    assert (await desk.read())["state"] == "failed"
    assert len(desk.vendor.accepted) == MAX_SENDS
    assert await desk.fetch_value("SELECT kind FROM notices") == "undelivered"
    async with pool.acquire() as conn:
        later = await queue_reply(conn, (await desk.read())["conversation_id"], "later", channel="gmail", inbox=INBOX)
        assert [reply.id for reply in await outbox.claim(conn, max_replies=5, lease_seconds=60)] == [later]
