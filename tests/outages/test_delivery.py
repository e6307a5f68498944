"""A send has happened and the database is away: what became of it is written later, and the send is not repeated."""

import asyncio

import pytest

from channels.base import DeliveryFailed, DeliveryUncertain, Receipt
from database import outbox
from database.pool import open_pool
from tests.outages.desk import Log
from tests.outages.failures import fail_commits
from tests.outages.server import OwnServer
from tests.workers.test_delivery import StubSender, open_post

RESULTS = [
    (Receipt("vendor-1"), "sent"),
    (DeliveryFailed("busy", permanent=False), "queued"),
    (DeliveryFailed("no such mailbox", permanent=True), "failed"),
    (DeliveryUncertain("no answer"), "unknown"),
]


@pytest.mark.parametrize(("result", "state"), RESULTS)
async def test_what_became_of_a_send_is_written_though_the_first_commits_fail(
    result: Receipt | Exception, state: str, url: str
) -> None:
    sender = StubSender([result])
    async with open_pool(url, application="test", max_size=5) as pool:
        post = await open_post(pool, sender)
        reply = await post.claim()
        await fail_commits(url, "outbox", "53100", "57014")
        await post.deliverer.deliver(reply)
        assert (await post.read())["state"] == state
    assert len(sender.sent) == 1


async def test_fifty_results_that_cannot_be_written_are_one_line(
    failing_server: OwnServer, url: str, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.delivery.RECORD_SECONDS", 0.2)
    async with open_pool(url, application="test", max_size=5) as pool:
        post = await open_post(pool, StubSender([Receipt(None) for _ in range(50)]))
        reply = await post.claim()
        await failing_server.stop()
        await asyncio.gather(*(post.deliverer.deliver(reply) for _ in range(50)))
        assert sum(log.count().values()) == 1
        await failing_server.start()
        async with pool.acquire() as conn:
            await outbox.mark_sent(conn, reply, None)  # it is still ours until its lease ends
