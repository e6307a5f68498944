"""Replies that did not reach their customer: shown to staff, and settled by what a person knows."""

import asyncio
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from core.ids import new_id
from database import outbox, undelivered
from database.notify import OUTBOX_CHANNEL
from database.pool import connect
from database.types import ConversationId, MessageId, OutboundMessage
from tests.api.service import Service, expect_problem, issue_key
from tests.database.builders import open_conversation, queue_reply

INBOX = "support@example.com"


@dataclass
class Staff:
    """Somebody who may read and settle, and a desk with one conversation on the mail channel."""

    service: Service
    headers: dict[str, str]
    conversation_id: ConversationId

    async def fail(self, reason: str = "no such mailbox") -> MessageId:
        reply = await self.claim()
        async with self.service.pool.acquire() as conn, conn.transaction():
            await undelivered.fail(conn, reply, reason)
        return reply.id

    async def doubt(self) -> MessageId:
        reply = await self.claim()
        async with self.service.pool.acquire() as conn, conn.transaction():
            await undelivered.leave_in_doubt(conn, reply, "no answer")
        return reply.id

    async def claim(self) -> OutboundMessage:
        async with self.service.pool.acquire() as conn:
            await queue_reply(conn, self.conversation_id, channel="gmail", inbox=INBOX)
            (reply,) = await outbox.claim(conn, max_replies=5, lease_seconds=60)
            return reply

    async def list(self, path: str = "/deliveries") -> list[dict[str, Any]]:
        response = await self.service.client.get(path, headers=self.headers)
        assert response.status_code == 200, response.text
        (rows,) = response.json().values()
        return list(rows)

    async def settle(self, reply_id: UUID, outcome: str) -> httpx.Response:
        path = f"/deliveries/{reply_id}/verdict"
        return await self.service.client.post(path, json={"outcome": outcome}, headers=self.headers)

    async def read(self, reply_id: UUID) -> dict[str, Any]:
        async with self.service.pool.acquire() as conn:
            row = await conn.fetchrow("SELECT * FROM outbox WHERE id = $1", reply_id)
            assert row is not None
            return dict(row)

    async def execute(self, sql: str, *values: object) -> None:
        async with self.service.pool.acquire() as conn:
            await conn.execute(sql, *values)


@pytest.fixture
async def staff(fresh: Service) -> Staff:
    key = await issue_key(fresh.pool, "tickets:read", "tickets:write")
    async with fresh.pool.acquire() as conn:
        conversation_id = await open_conversation(conn, "alice@example.com", channel="gmail", inbox=INBOX)
    return Staff(fresh, {"X-API-Key": key}, conversation_id)


async def test_replies_that_did_not_arrive_are_listed_oldest_first(staff: Staff) -> None:
    failed, doubtful = await staff.fail(), await staff.doubt()
    waiting = (await staff.claim()).id
    await staff.execute("UPDATE outbox SET state = 'needs_template' WHERE id = $1", waiting)
    rows = await staff.list()
    assert [row["id"] for row in rows] == [str(failed), str(doubtful), str(waiting)]
    assert [row["state"] for row in rows] == ["failed", "unknown", "needs_template"]
    assert rows[0]["error"] == "no such mailbox"
    assert rows[0]["ticket_ref"] == "alice@example.com"
    assert rows[0]["text"] == "Open Settings and choose Export."


@pytest.mark.parametrize("state", ["failed", "unknown"])
async def test_the_list_may_be_of_one_state(staff: Staff, state: str) -> None:
    ids = {"failed": await staff.fail(), "unknown": await staff.doubt()}
    assert [row["id"] for row in await staff.list(f"/deliveries?state={state}")] == [str(ids[state])]
    assert len(await staff.list("/deliveries?limit=1")) == 1


@pytest.mark.parametrize("query", ["state=sent", "state=", "limit=0", "limit=501", "limit=x"])
async def test_a_list_of_what_there_is_not_is_refused(staff: Staff, query: str) -> None:
    response = await staff.service.client.get(f"/deliveries?{query}", headers=staff.headers)
    expect_problem(response, 422)


async def test_a_reply_that_arrived_is_not_listed(staff: Staff) -> None:
    reply = await staff.claim()
    async with staff.service.pool.acquire() as conn:
        await outbox.mark_sent(conn, reply, "vendor-1")
    assert await staff.list() == []


async def test_the_list_says_whether_the_vendor_is_still_being_asked(staff: Staff) -> None:
    reply = await staff.claim()
    async with staff.service.pool.acquire() as conn:
        await outbox.mark_doubtful(conn, reply, "timeout", check_seconds=30)
    assert [row["is_being_asked"] for row in await staff.list()] == [True]
    await staff.execute("UPDATE outbox SET ready_at = 'infinity'")
    assert [row["is_being_asked"] for row in await staff.list()] == [False]


@pytest.mark.parametrize("state", ["failed", "unknown"])
async def test_a_reply_that_a_person_knows_was_sent_is_closed(staff: Staff, state: str) -> None:
    reply_id = await (staff.fail() if state == "failed" else staff.doubt())
    assert len(await staff.list("/notices")) == 1
    response = await staff.settle(reply_id, "sent")
    assert (response.status_code, response.json()) == (200, {"deliveries": []})
    assert (await staff.read(reply_id))["state"] == "sent"
    assert await staff.list("/notices") == []
    async with staff.service.pool.acquire() as conn:
        assert await conn.fetchval("SELECT delivery_problem FROM tickets") is None
        assert await outbox.claim(conn, max_replies=5, lease_seconds=60) == []


@pytest.mark.parametrize("state", ["failed", "unknown", "needs_template"])
async def test_a_reply_that_a_person_knows_was_not_sent_goes_out_once_more(staff: Staff, state: str) -> None:
    reply_id = await staff.fail()
    await staff.execute("UPDATE outbox SET state = $1", state)
    listener = await connect(staff.service.desk.notifier._url, application="test")
    woken = asyncio.Event()
    await listener.add_listener(OUTBOX_CHANNEL, lambda *_: woken.set())
    assert (await staff.settle(reply_id, "not_sent")).status_code == 200
    await asyncio.wait_for(woken.wait(), 60)
    await listener.close()
    async with staff.service.pool.acquire() as conn:
        (again,) = await outbox.claim(conn, max_replies=5, lease_seconds=60)
    assert again.id == reply_id
    assert await staff.list("/notices") == []


async def test_two_people_settle_a_reply_once(staff: Staff) -> None:
    reply_id = await staff.doubt()
    answers = await asyncio.gather(*(staff.settle(reply_id, "not_sent") for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409]


async def test_opposite_verdicts_at_once_leave_one_of_them(staff: Staff) -> None:
    reply_id = await staff.doubt()
    sent, not_sent = await asyncio.gather(staff.settle(reply_id, "sent"), staff.settle(reply_id, "not_sent"))
    assert {sent.status_code, not_sent.status_code} == {200, 409}
    state = (await staff.read(reply_id))["state"]
    assert state == ("sent" if sent.status_code == 200 else "queued")


@pytest.mark.parametrize("outcome", ["sent", "not_sent"])
@pytest.mark.parametrize("state", ["queued", "sending", "sent", "delivered", "read"])
async def test_a_reply_that_waits_for_nobody_takes_no_verdict(staff: Staff, state: str, outcome: str) -> None:
    reply_id = (await staff.claim()).id
    await staff.execute("UPDATE outbox SET state = $1", state)
    before = await staff.read(reply_id)
    expect_problem(await staff.settle(reply_id, outcome), 409)
    assert await staff.read(reply_id) == before


async def test_the_vendor_is_asked_to_the_end_before_a_person_has_it_sent_again(staff: Staff) -> None:
    reply = await staff.claim()
    async with staff.service.pool.acquire() as conn:
        await outbox.mark_doubtful(conn, reply, "timeout", check_seconds=0)
        assert await outbox.claim_doubtful(conn, channels=["gmail"], max_replies=5, lease_seconds=60)
    expect_problem(await staff.settle(reply.id, "not_sent"), 409)


async def test_a_failure_that_was_reported_during_the_send_can_be_settled(staff: Staff) -> None:
    reply_id = (await staff.claim()).id
    # The vendor's report came first, and the worker died before it heard the answer: its lease is left behind.
    await staff.execute("UPDATE outbox SET state = 'failed'")
    assert (await staff.settle(reply_id, "not_sent")).status_code == 200
    assert (await staff.read(reply_id))["state"] == "queued"


async def test_no_verdict_on_what_is_no_reply(staff: Staff) -> None:
    expect_problem(await staff.settle(uuid4(), "sent"), 409)
    expect_problem(await staff.settle(new_id(), "not_sent"), 409)


@pytest.mark.parametrize("body", [{}, {"outcome": "maybe"}, {"outcome": None}, []])
async def test_a_verdict_is_one_of_two(staff: Staff, body: object) -> None:
    reply_id = await staff.doubt()
    path = f"/deliveries/{reply_id}/verdict"
    expect_problem(await staff.service.client.post(path, json=body, headers=staff.headers), 422)
    assert (await staff.read(reply_id))["state"] == "unknown"


async def test_whoever_may_only_read_settles_nothing(staff: Staff) -> None:
    reply_id = await staff.doubt()
    reader = Staff(
        staff.service,
        {"X-API-Key": await issue_key(staff.service.pool, "tickets:read")},
        staff.conversation_id,
    )
    expect_problem(await reader.settle(reply_id, "sent"), 403)
    assert (await staff.read(reply_id))["state"] == "unknown"


async def test_notices_are_the_teams_own_until_they_are_settled(staff: Staff) -> None:
    failed, doubtful = await staff.fail(), await staff.doubt()
    notices = await staff.list("/notices")
    assert [(notice["kind"], notice["message_id"]) for notice in notices] == [
        ("undelivered", str(failed)),
        ("in_doubt", str(doubtful)),
    ]
    assert {notice["team"] for notice in notices} == {"Support queue"}
    assert len(await staff.list("/notices?team=Support queue")) == 2
    assert await staff.list("/notices?team=Billing team") == []
    await staff.settle(failed, "sent")
    assert [notice["message_id"] for notice in await staff.list("/notices")] == [str(doubtful)]
    async with staff.service.pool.acquire() as conn:
        # The other reply's problem is still there.
        assert await conn.fetchval("SELECT delivery_problem FROM tickets") is not None


async def test_a_reply_that_fails_again_after_a_verdict_is_told_again(staff: Staff) -> None:
    reply_id = await staff.fail()
    await staff.settle(reply_id, "not_sent")
    async with staff.service.pool.acquire() as conn, conn.transaction():
        (reply,) = await outbox.claim(conn, max_replies=5, lease_seconds=60)
        await undelivered.fail(conn, reply, "still no such mailbox")
    assert [notice["text"] for notice in await staff.list("/notices")] == ["still no such mailbox"]
    assert [row["id"] for row in await staff.list()] == [str(reply_id)]
