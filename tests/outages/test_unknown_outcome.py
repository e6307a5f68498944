"""A connection that breaks in the middle of a commit: nobody knows what became of it, and all is well either way."""

import pytest

from tests.outages.desk import Log, OpenDesk, expect_turned_away
from tests.outages.server import Proxy

both_outcomes = pytest.mark.parametrize("is_delivered", [True, False], ids=["committed", "not committed"])


@both_outcomes
@pytest.mark.parametrize(
    "step",
    [(b"COMMIT", 0), (b"COMMIT", 1), (b"web:", 0)],
    ids=["storing what arrived", "answering", "recording the delivery"],
)
async def test_what_a_worker_commits_is_there_once(
    step: tuple[bytes, int], is_delivered: bool, proxy: Proxy, open_desk: OpenDesk, log: Log
) -> None:
    async with open_desk(worker_url=proxy.url) as desk:
        proxy.cut_once(*step, is_delivered=is_delivered)
        assert (await desk.submit("key")).status_code == 202
        await desk.expect_each_answered_once(1)
        assert proxy.cuts == 1
        assert len(desk.agent.turns) == 1
    log.expect_few_lines()


@both_outcomes
async def test_a_submission_is_found_by_its_repetition_under_the_same_key(
    is_delivered: bool, proxy: Proxy, open_desk: OpenDesk, log: Log
) -> None:
    async with open_desk(api_url=proxy.url) as desk:
        proxy.cut_once(b"reset my password", is_delivered=is_delivered)
        expect_turned_away([await desk.submit("key")])
        assert proxy.cuts == 1
        assert await desk.fetch_value("SELECT count(*) FROM message_queue") == is_delivered
        repeated = await desk.submit_when_it_can("key")
        assert repeated.status_code == 202
        assert await desk.fetch_value("SELECT contact FROM queue_threads") == repeated.json()["ticket_ref"]
        await desk.expect_each_answered_once(1)
    log.expect_few_lines()
