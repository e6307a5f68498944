"""Deliveries: what the channel says decides, and doubt is never resolved by sending again."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from asyncpg import Record

from channels.base import ChannelKit, DeliveryFailed, DeliveryUncertain, Receipt
from channels.mail.write import MailWriter
from core.settings import Settings
from database import outbox
from database.pool import DbPool
from database.types import OutboundMessage
from tests.database.builders import open_conversation, queue_reply
from workers.delivery import MAX_SEND_ATTEMPTS, Deliverer


@dataclass
class StubSender:
    """Answers each send with the next of its results."""

    results: list[Receipt | Exception]
    is_repeatable: bool = False
    sent: list[OutboundMessage] = field(default_factory=list)

    async def send(self, message: OutboundMessage) -> Receipt:
        self.sent.append(message)
        result = self.results.pop(0)
        if isinstance(result, Exception):
            raise result
        return result


@dataclass
class Post:
    """An outbox with one reply on the mail channel, and who delivers it."""

    pool: DbPool
    deliverer: Deliverer
    announced: list[str]

    async def claim(self) -> OutboundMessage:
        async with self.pool.acquire() as conn:
            (reply,) = await outbox.claim(conn, max_replies=5, lease_seconds=60)
            return reply

    async def deliver(self) -> None:
        await self.deliverer.deliver(await self.claim())

    async def execute(self, sql: str) -> None:
        async with self.pool.acquire() as conn:
            await conn.execute(sql)

    async def read(self) -> Record:
        async with self.pool.acquire() as conn:
            row = await conn.fetchrow("SELECT *, extract(epoch FROM ready_at - now())::float8 AS delay FROM outbox")
            assert row is not None
            return row


async def open_post(pool: DbPool, sender: StubSender | None, *, inbox: str = "support") -> Post:
    async with pool.acquire() as conn:
        conversation_id = await open_conversation(conn, "alice@example.com", channel="gmail", inbox=inbox)
        await queue_reply(conn, conversation_id, "Here is how.", channel="gmail", inbox=inbox)
    announced: list[str] = []
    kit = ChannelKit("gmail", MailWriter(), sender)
    return Post(
        pool, Deliverer(pool, {"gmail": kit}, Settings.model_construct(), on_result=announced.append), announced
    )


async def test_an_accepted_reply_is_sent_and_announced(pool: DbPool) -> None:
    sender = StubSender([Receipt("vendor-1")])
    post = await open_post(pool, sender)
    await post.deliver()
    row = await post.read()
    assert (row["state"], row["vendor_id"], row["lease_token"]) == ("sent", "vendor-1", None)
    assert post.announced == ["alice@example.com"]
    assert [message.text for message in sender.sent] == ["Here is how."]


async def test_a_permanent_refusal_fails_with_its_reason_and_is_not_repeated(pool: DbPool) -> None:
    post = await open_post(pool, StubSender([DeliveryFailed("no such mailbox", permanent=True)]))
    await post.deliver()
    row = await post.read()
    assert (row["state"], row["error"]) == ("failed", "no such mailbox")
    assert post.announced == ["alice@example.com"]


async def test_a_passing_failure_is_sent_again_later(pool: DbPool) -> None:
    sender = StubSender([DeliveryFailed("busy", permanent=False), Receipt("vendor-2")])
    post = await open_post(pool, sender)
    await post.deliver()
    row = await post.read()
    assert (row["state"], row["error"]) == ("queued", "busy")
    assert 0.3 < row["delay"] <= 2
    await post.execute("UPDATE outbox SET ready_at = now()")
    await post.deliver()
    row = await post.read()
    assert (row["state"], row["error"], row["attempts"]) == ("sent", None, 2)
    assert len({message.id for message in sender.sent}) == 1  # the same key both times, for vendors that deduplicate
    assert post.announced == ["alice@example.com"]


async def test_passing_failures_end_after_the_last_attempt(pool: DbPool) -> None:
    post = await open_post(pool, StubSender([DeliveryFailed("busy", permanent=False)]))
    await post.execute(f"UPDATE outbox SET attempts = {MAX_SEND_ATTEMPTS - 1}")
    await post.deliver()
    assert (await post.read())["state"] == "failed"


async def test_an_uncertain_send_is_unknown_and_never_repeated(pool: DbPool) -> None:
    sender = StubSender([DeliveryUncertain("no answer after the body was sent")])
    post = await open_post(pool, sender)
    await post.deliver()
    row = await post.read()
    assert (row["state"], row["error"]) == ("unknown", "no answer after the body was sent")
    async with pool.acquire() as conn:
        assert await outbox.claim(conn, max_replies=5, lease_seconds=60) == []
        assert (await outbox.recover_expired(conn, ["gmail"])).requeued == 0


async def test_a_channel_without_a_sender_fails_visibly(pool: DbPool) -> None:
    post = await open_post(pool, None)
    await post.deliver()
    row = await post.read()
    assert (row["state"], row["error"]) == ("failed", "no sender is configured for gmail")


@pytest.mark.parametrize("inbox", ["ask", "probe"])
async def test_messages_of_the_desk_to_itself_never_leave_it(inbox: str, pool: DbPool) -> None:
    sender = StubSender([])
    post = await open_post(pool, sender, inbox=inbox)
    await post.deliver()
    assert (await post.read())["state"] == "sent"
    assert sender.sent == []


async def test_a_delivery_that_was_taken_over_records_nothing(pool: DbPool) -> None:
    post = await open_post(pool, StubSender([Receipt("vendor-1")]))
    reply = await post.claim()
    await post.execute("UPDATE outbox SET lease_token = gen_random_uuid()")
    await post.deliverer.deliver(reply)
    row = await post.read()
    assert (row["state"], row["vendor_id"]) == ("sending", None)
    assert post.announced == []


@pytest.mark.parametrize(("is_repeatable", "state"), [(True, "queued"), (False, "unknown")])
async def test_a_sender_that_breaks_is_repeated_only_where_that_is_harmless(
    is_repeatable: bool, state: str, pool: DbPool
) -> None:
    post = await open_post(pool, StubSender([KeyError("a bug")], is_repeatable=is_repeatable))
    await post.deliver()
    assert (await post.read())["state"] == state


@pytest.mark.parametrize(("is_repeatable", "channels"), [(True, ["gmail"]), (False, [])])
async def test_only_senders_that_may_repeat_are_listed(
    is_repeatable: bool, channels: Sequence[str], pool: DbPool
) -> None:
    post = await open_post(pool, StubSender([], is_repeatable=is_repeatable))
    assert post.deliverer.repeatable_channels == channels
