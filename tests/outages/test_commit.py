"""Commits that the database refuses for a while: repeated where they may be, and never reported as done."""

from database.pool import connect
from tests.outages.desk import Log, OpenDesk, expect_turned_away
from tests.outages.failures import fail_commits, let_commits_pass

DISK_FULL = "53100"
# And a statement timeout, a serialization failure, a deadlock, a read-only and a crowded server, and a broken disk.
PASSING = [DISK_FULL, "57014", "40001", "40P01", "25006", "53200", "58030"]


async def test_turns_whose_commit_fails_for_a_moment_commit_the_same_results(
    url: str, open_desk: OpenDesk, log: Log
) -> None:
    await fail_commits(url, "agent_runs", *PASSING)
    async with open_desk() as desk:
        await desk.submit_many(len(PASSING))
        await desk.expect_each_answered_once(len(PASSING))
        assert len(desk.agent.turns) == len(PASSING)
    assert await let_commits_pass(url) == 2 * len(PASSING)
    log.expect_few_lines()


async def test_messages_whose_storing_fails_for_a_moment_are_stored_once(
    url: str, open_desk: OpenDesk, log: Log
) -> None:
    await fail_commits(url, "conversations", *PASSING)
    async with open_desk() as desk:
        await desk.submit_many(len(PASSING))
        await desk.expect_each_answered_once(len(PASSING))
    log.expect_few_lines()


async def test_a_disk_that_stays_full_puts_the_turns_off_and_blames_no_message(
    url: str, open_desk: OpenDesk, log: Log
) -> None:
    await fail_commits(url, "agent_runs", *[DISK_FULL] * 10_000)
    async with open_desk(lease_seconds=5) as desk:
        await desk.submit_many(20)
        put_off = "lease_token IS NULL AND attempts = 0 AND ready_at > now()"
        await desk.wait_until(f"SELECT count(*) = 20 FROM queue_threads WHERE {put_off}")
        await let_commits_pass(url)
        conn = await connect(url, application="test")
        await conn.execute("UPDATE queue_threads SET ready_at = now()")
        await conn.close()
        await desk.expect_each_answered_once(20)
    log.expect_few_lines()


async def test_submissions_whose_commit_fails_are_turned_away_and_not_stored(
    url: str, open_desk: OpenDesk, log: Log
) -> None:
    await fail_commits(url, "message_queue", *PASSING)
    async with open_desk() as desk:
        expect_turned_away(await desk.submit_many(len(PASSING)))
        assert await desk.fetch_value("SELECT count(*) FROM message_queue") == 0
        assert {response.status_code for response in await desk.submit_many(20)} == {202}
        await desk.expect_each_answered_once(20)
    log.expect_few_lines()
