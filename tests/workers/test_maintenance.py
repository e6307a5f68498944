"""Maintenance: one worker is elected and does it for all; nothing that is still needed is deleted."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from core.background import run_in_background
from core.clock import read_system_clock
from core.settings import RetentionSettings
from database import outbox, queue
from database.pool import DbConnection, connect
from database.queries.sessions import find_signing_key, open_session
from database.queries.sign_ins import ACCOUNT, take_try
from database.queries.users import add_user
from database.queue import upkeep
from database.queue.dead_letters import discard_dead_letter
from tests.database.builders import (
    claim_one,
    make_failure,
    make_worker_id,
    open_conversation,
    publish_texts,
    queue_reply,
    read_thread,
    settle,
)
from tests.database.histories import History
from workers.maintenance import Maintenance


class Upkeep:
    """One worker's maintenance, and how often it said that sends were recovered."""

    def __init__(self, url: str, *, round_seconds: float = 0.02) -> None:
        self.recovered = 0
        self.maintenance = Maintenance(
            url,
            round_seconds=round_seconds,
            retention=RetentionSettings(),
            channels=frozenset({"web", "gmail"}),
            repeatable_channels=["web"],
            askable_channels=[],
            check_seconds=30,
            on_recovered=self._count_recovered,
        )

    def _count_recovered(self) -> None:
        self.recovered += 1


@pytest.fixture
async def desk(database_url: str) -> AsyncIterator[DbConnection]:
    conn = await connect(database_url, application="test")
    yield conn
    await conn.close()


async def wait_until_elected(*candidates: Upkeep) -> Upkeep:
    async with asyncio.timeout(60):
        while True:
            elected = [candidate for candidate in candidates if candidate.maintenance.is_elected]
            if elected:
                (only,) = elected
                return only
            await asyncio.sleep(0)


async def test_of_many_workers_one_is_elected_and_another_when_it_has_gone(database_url: str) -> None:
    first, second, third = (Upkeep(database_url, round_seconds=0.5) for _ in range(3))
    async with run_in_background(second.maintenance.run()):
        await wait_until_elected(second)
        async with run_in_background(first.maintenance.run(), third.maintenance.run()):
            assert await wait_until_elected(first, second, third) is second
            await asyncio.sleep(1.2)  # some rounds, in which the others stand again
            assert await wait_until_elected(first, second, third) is second
    async with run_in_background(first.maintenance.run(), third.maintenance.run()):
        assert await wait_until_elected(first, third) in {first, third}


async def test_whose_connection_is_cut_is_not_elected_any_more(desk: DbConnection, database_url: str) -> None:
    # Rounds so long that nobody takes the holder, which says nothing, to be frozen.
    first, second = [Upkeep(database_url, round_seconds=1) for _ in range(2)]
    async with run_in_background(first.maintenance.run()):
        await wait_until_elected(first)
        holder = await connect(database_url, application="test")
        await desk.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'nightdesk maintenance' AND datname = current_database()"
        )
        async with asyncio.timeout(60):
            # The database tells nobody who holds a lock.
            while not await upkeep.elect(holder, silence_seconds=60) or first.maintenance.is_elected:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        async with run_in_background(second.maintenance.run()):
            await asyncio.sleep(0.1)
            assert not second.maintenance.is_elected
            await holder.close()
            await wait_until_elected(first, second)


@pytest.mark.parametrize(
    ("statements", "state"),
    [((), "idle"), (("BEGIN",), "idle in transaction"), (("BEGIN", "SELECT 1"), "active")],
)
async def test_whoever_is_elected_and_falls_silent_makes_room(
    desk: DbConnection, database_url: str, statements: tuple[str, ...], state: str
) -> None:
    frozen, candidate = [await connect(database_url, application="test") for _ in range(2)]
    assert await upkeep.elect(frozen, silence_seconds=60)
    for statement in statements:
        # The last one is prepared and never executed, as if the process had been stopped in between.
        await (frozen.execute(statement) if statement == "BEGIN" else frozen.prepare(statement))
    pid = frozen.get_server_pid()
    assert await desk.fetchval("SELECT state FROM pg_stat_activity WHERE pid = $1", pid) == state
    assert not await upkeep.elect(candidate, silence_seconds=60)
    async with asyncio.timeout(20):
        while not await upkeep.elect(candidate, silence_seconds=0.1):  # noqa: ASYNC110  # the database tells nobody
            await asyncio.sleep(0.05)
    await candidate.close()
    frozen.terminate()


async def test_a_round_takes_back_the_sends_of_dead_workers(desk: DbConnection, database_url: str) -> None:
    web = await queue_reply(desk, await open_conversation(desk, "TF-1"))
    mail_conversation = await open_conversation(desk, "a@example.com", channel="gmail", inbox="support")
    mail = await queue_reply(desk, mail_conversation, channel="gmail", inbox="support")
    for reply in await outbox.claim(desk, max_replies=5, lease_seconds=60):
        await outbox.mark_handed(desk, reply)
    one = Upkeep(database_url)
    await one.maintenance.do_round(desk)
    assert one.recovered == 0
    await desk.execute("UPDATE outbox SET ready_at = now() - interval '1 second'")
    await one.maintenance.do_round(desk)
    states = {row["id"]: row["state"] for row in await desk.fetch("SELECT id, state FROM outbox")}
    assert states == {web: "queued", mail: "unknown"}
    assert one.recovered == 1
    assert await desk.fetchval("SELECT kind FROM notices WHERE message_id = $1", mail) == "in_doubt"


async def test_doubt_about_a_channel_that_is_no_longer_asked_goes_to_a_person(
    desk: DbConnection, database_url: str
) -> None:
    conversation_id = await open_conversation(desk, "a@example.com", channel="gmail", inbox="support")
    mail = await queue_reply(desk, conversation_id, channel="gmail", inbox="support")
    (reply,) = await outbox.claim(desk, max_replies=5, lease_seconds=60)
    await outbox.mark_doubtful(desk, reply, "no answer", check_seconds=30)
    one = Upkeep(database_url)
    await one.maintenance.do_round(desk)
    assert await desk.fetchval("SELECT count(*) FROM notices") == 0
    await desk.execute("UPDATE outbox SET ready_at = now() - interval '2 hours'")
    await one.maintenance.do_round(desk)
    assert await desk.fetchval("SELECT ready_at = 'infinity' FROM outbox")
    assert await desk.fetchval("SELECT message_id FROM notices WHERE kind = 'in_doubt'") == mail


async def age(desk: DbConnection, days: int) -> None:
    """As if everything had happened so long ago."""
    shift = f"- interval '{days} days'"
    await desk.execute(f"UPDATE message_queue SET received_at = received_at {shift}")
    await desk.execute(f"UPDATE queue_failures SET failed_at = failed_at {shift}")
    await desk.execute(f"UPDATE dead_letters SET settled_at = settled_at {shift} WHERE settled_at IS NOT NULL")


async def test_finished_messages_leave_after_their_retention_and_no_others(
    desk: DbConnection, database_url: str
) -> None:
    await publish_texts(desk, "alice", "finished", "finished too")
    await settle(desk, await claim_one(desk))
    await publish_texts(desk, "alice", "waiting")
    bob = await publish_texts(desk, "bob", "leased")
    await queue.claim_thread(desk, make_worker_id(), bob, lease_seconds=60)
    await age(desk, 31)
    carol = await publish_texts(desk, "carol", "finished today")
    today = await queue.claim_thread(desk, make_worker_id(), carol, lease_seconds=60)
    assert today is not None
    await settle(desk, today)
    await Upkeep(database_url).maintenance.do_round(desk)
    left = await desk.fetch("SELECT payload ->> 'text' AS text FROM message_queue ORDER BY received_at")
    assert {row["text"] for row in left} == {"waiting", "leased", "finished today"}


async def test_retention_does_not_wait_for_a_row_that_somebody_is_moving(desk: DbConnection, database_url: str) -> None:
    for contact in ("alice", "bob"):
        await publish_texts(desk, contact, contact)
        await settle(desk, await claim_one(desk))
    await age(desk, 31)
    moving = await connect(database_url, application="test")
    async with moving.transaction(), asyncio.timeout(60):
        await moving.execute("SELECT FROM message_queue WHERE payload ->> 'text' = 'alice' FOR UPDATE")
        await Upkeep(database_url).maintenance.do_round(desk)
        assert await desk.fetchval("SELECT array_agg(payload ->> 'text') FROM message_queue") == ["alice"]
    await moving.close()


async def test_a_dead_letter_keeps_its_messages_until_somebody_has_decided(
    desk: DbConnection, database_url: str
) -> None:
    await publish_texts(desk, "alice", "poison")
    await queue.retry(desk, await claim_one(desk), make_failure(), delay_seconds=0)
    letter_id = await queue.fail(desk, await claim_one(desk), make_failure())
    await age(desk, 31)
    one = Upkeep(database_url)
    await one.maintenance.do_round(desk)
    assert await desk.fetchval("SELECT count(*) FROM message_queue") == 1
    await discard_dead_letter(desk, letter_id)
    await age(desk, 31)
    await one.maintenance.do_round(desk)
    assert await desk.fetchval("SELECT count(*) FROM message_queue") == 0
    assert await desk.fetchval("SELECT count(*) FROM dead_letters") == 0


async def test_the_history_of_a_turn_in_trouble_is_kept_and_that_of_a_finished_one_leaves(
    desk: DbConnection, database_url: str
) -> None:
    for contact in ("alice", "bob"):
        await publish_texts(desk, contact, "hello")
        await queue.retry(desk, await claim_one(desk), make_failure(), delay_seconds=0)
        await desk.execute("UPDATE queue_threads SET ready_at = now() + interval '1 hour' WHERE contact = 'alice'")
        if contact == "bob":
            await settle(desk, await claim_one(desk))
    await age(desk, 31)
    await Upkeep(database_url).maintenance.do_round(desk)
    left = "SELECT array_agg(t.contact) FROM queue_failures f JOIN queue_threads t ON t.id = f.thread_id"
    assert await desk.fetchval(left) == ["alice"]


async def test_buckets_of_rate_limits_that_are_full_again_leave(desk: DbConnection, database_url: str) -> None:
    await desk.execute(
        "INSERT INTO rate_limits VALUES (gen_random_uuid(), now()), (gen_random_uuid(), now() + interval '1 hour')"
    )
    await Upkeep(database_url).maintenance.do_round(desk)
    [left] = await desk.fetch("SELECT full_at > now() AS is_used FROM rate_limits")
    assert left["is_used"]


async def test_a_thread_put_off_for_longer_than_any_delay_of_ours_is_made_claimable(
    desk: DbConnection, database_url: str
) -> None:
    """As after the server's clock was set back by a day."""
    far = await publish_texts(desk, "alice", "hello")
    await desk.execute("UPDATE queue_threads SET ready_at = now() + interval '1 day'")
    near = await publish_texts(desk, "bob", "hello")
    await queue.retry(desk, await claim_one(desk), make_failure(), delay_seconds=3600)
    await Upkeep(database_url).maintenance.do_round(desk)
    assert (await read_thread(desk, far))["delay"] <= 0
    assert (await read_thread(desk, near))["delay"] > 3500


@pytest.mark.parametrize(
    ("channel", "event"), [("gmail", "threads wait for too long"), ("whatsapp", "no worker serves this channel")]
)
async def test_threads_that_nobody_takes_are_reported(
    channel: str, event: str, desk: DbConnection, database_url: str
) -> None:
    await publish_texts(desk, "alice", "hello")
    await desk.execute("UPDATE queue_threads SET channel = $1, ready_at = now() - interval '11 minutes'", channel)
    with capture_logs() as logs:
        await Upkeep(database_url).maintenance.do_round(desk)
    (line,) = [line for line in logs if line["log_level"] == "warning"]
    assert (line["event"], line["channel"], line["threads"]) == (event, channel, 1)


async def test_sessions_and_tries_at_passwords_go_when_they_are_over_and_signing_keys_are_renewed(
    desk: DbConnection, database_url: str
) -> None:
    user = await add_user(desk, email="ada@example.com", name="", role="agent", password_hash="")
    now = read_system_clock()
    for days in (0, 31):
        begun = now - timedelta(days=days)
        await open_session(desk, user.id, now=begun, days=30)
        await take_try(desk, "s" * 32, ACCOUNT, f"{days}@example.com", now=begun)
    first = await find_signing_key(desk)
    await desk.execute("UPDATE signing_keys SET created_at = now() - interval '30 days'")
    await Upkeep(database_url).maintenance.do_round(desk)
    assert await desk.fetchval("SELECT array_agg(created_at) FROM sessions") == [now]
    assert await desk.fetchval("SELECT array_agg(last_at) FROM sign_in_tries") == [now]
    assert await find_signing_key(desk) != first


async def test_a_round_sums_up_the_hours_that_are_over_and_counts_late_facts_again(
    desk: DbConnection, database_url: str
) -> None:
    history = History(desk)
    at = await desk.fetchval("SELECT now() - interval '30 hours'")
    ticket = await history.open("web", at)
    one = Upkeep(database_url)
    await one.maintenance.do_round(desk)
    sums = "SELECT auto_resolved FROM channel_figures WHERE width = 'hour' AND tickets > 0"
    assert await desk.fetchval(sums) == 0
    await history.move(ticket, "auto_resolved")
    await one.maintenance.do_round(desk)
    assert await desk.fetchval(sums) == 1
    assert await desk.fetchval("SELECT count(*) FROM channel_figures_stale") == 0
