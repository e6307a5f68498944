"""What workers do for the classifier, and what their turns leave of it on the ticket."""

import asyncio
from dataclasses import replace

from structlog.testing import capture_logs

from agent.context import Turn
from agent.intents.classifier import IntentGuess, Nearest
from agent.run import TurnResult
from core.background import run_in_background
from database.pool import DbPool
from tests.agent.intents.desk import PARCEL, make_reader
from tests.agent.intents.sample import WordEmbedder
from tests.agent.intents.test_learn import add_tickets
from tests.workers.stubs import Desk, build_answer, build_handover
from workers.intents import IntentKeeper


async def test_a_worker_trains_what_is_missing_and_takes_over_what_is_newer(pool: DbPool) -> None:
    reader = make_reader(pool)
    keeper = IntentKeeper(pool, reader, WordEmbedder())
    await keeper.do_round()
    assert await reader.read([PARCEL]) is not None
    async with pool.acquire() as conn:
        await conn.execute(
            "INSERT INTO decision_thresholds"
            " VALUES (gen_random_uuid(), NULL, 'web', 0.9, .98, 200, .98, now(), 'words')"
        )
    await keeper.do_round()
    assert list(reader.thresholds) == [("words", None, "web")]


async def test_a_training_that_fails_is_said_rarely_and_tried_again(pool: DbPool) -> None:
    reader = make_reader(pool)
    async with pool.acquire() as conn:
        await conn.execute("ALTER TABLE intent_models RENAME TO mislaid")
    with capture_logs() as logs:
        async with (
            run_in_background(IntentKeeper(pool, reader, WordEmbedder(), round_seconds=0.01).run()),
            asyncio.timeout(30),
        ):
            while not logs:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            async with pool.acquire() as conn:
                await conn.execute("ALTER TABLE mislaid RENAME TO intent_models")
            while not reader.is_ready:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    assert [log["error"] for log in logs if "later" in log["event"]] == ["UndefinedTableError"]


def guess(label: str, trust: float) -> IntentGuess:
    return IntentGuess(label, trust, trust, "other", 0.01, Nearest("someone's words", label, 0.9))


async def work_with(desk: Desk, intent: IntentGuess | None, *, hands_over: bool = False) -> None:
    async def think(turn: Turn) -> TurnResult:
        return replace(build_handover(turn) if hands_over else build_answer(turn), intent=intent)

    desk.agent.think = think
    await desk.work()


async def read_intent(desk: Desk) -> tuple[str | None, float | None, str | None]:
    (row,) = await desk.fetch("SELECT intent, round(intent_trust::numeric, 2)::float8, intent_by FROM tickets")
    return tuple(row)


async def test_a_ticket_keeps_the_intent_that_was_surest(desk: Desk) -> None:
    await desk.submit()
    await work_with(desk, None)
    assert await read_intent(desk) == (None, None, None)
    for label, trust, kept in (("invoice", 0.6, "invoice"), ("thanks", 0.3, "invoice"), ("refund", 0.8, "refund")):
        await desk.reply("And another thing?")
        await work_with(desk, guess(label, trust), hands_over=label == "refund")
        assert (await read_intent(desk))[0] == kept
    assert await read_intent(desk) == ("refund", 0.8, "model")


async def test_what_a_person_said_of_a_ticket_stays(desk: Desk) -> None:
    await desk.submit()
    await work_with(desk, guess("invoice", 0.4))
    await desk.execute("UPDATE tickets SET intent = 'refund', intent_by = 'person'")
    await desk.reply("And another thing?")
    await work_with(desk, guess("invoice", 0.9))
    assert (await read_intent(desk))[::2] == ("refund", "person")


async def test_a_worker_learns_when_it_is_due_and_no_second_time(pool: DbPool) -> None:
    reader = make_reader(pool)
    await add_tickets(pool, count=100)
    keeper = IntentKeeper(pool, reader, WordEmbedder(), rounds_per_learning=1)
    with capture_logs() as logs:
        for _ in range(3):
            await keeper.do_round()
    learned = [log for log in logs if log["event"] == "learned from tickets"]
    assert [(log["tickets"], log["is_better"]) for log in learned] == [(100, True)]
