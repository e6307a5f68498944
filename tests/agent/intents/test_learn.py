"""Learning from the desk's own tickets: what counts as known, who may take over, and which thresholds are proved."""

from datetime import timedelta
from uuid import UUID

import pytest

from agent.intents.learn import LEAST_HELD_OUT, Comparison, Learned, find_thresholds, is_held_out, learn
from agent.intents.serve import IntentReader, hold_training
from database.pool import DbPool
from database.queries import feedback, learning
from database.queries.intents import list_models
from database.queries.learning import LabelledAnswer, VerifiedTicket
from database.types import Scale
from tests.agent.intents.desk import make_reader
from tests.agent.intents.sample import WordEmbedder

# What this desk's customers call their parcels; no example of the taxonomy has any of these words.
ALL_CONFIRMED = (
    "INSERT INTO run_labels (run_id, kind, is_right, given_by) SELECT id, 'confirmed', true, 'customer' FROM agent_runs"
)
NEW_WORDS = ("zorb", "quibble", "frandish", "wuggle", "snarp", "blimber", "crondle", "vextor")


async def add_tickets(pool: DbPool, *, count: int, intent: str = "parcel_late", by: str = "person") -> None:
    """Tickets of which each fourth is held out."""
    async with pool.acquire() as conn:
        for number in range(count):
            text = f"Dear team, {NEW_WORDS[number % 8]} {NEW_WORDS[(number + 1) % 8]} {NEW_WORDS[(number + 3) % 8]}"
            await conn.execute(
                """
                WITH ids AS (SELECT ('00000000-0000-7000-8000-' || lpad(to_hex($1::int), 12, '0'))::uuid AS id),
                k AS (INSERT INTO customers (id, name) SELECT id, 'Ada Blimber' FROM ids),
                q AS (INSERT INTO queue_threads (id, channel, inbox, contact)
                      SELECT id, 'web', 'form', 'c' || $1::int FROM ids),
                v AS (INSERT INTO conversations (id, thread_id, customer_id, channel, inbox, identity_level)
                      SELECT id, id, id, 'web', 'form', 'self_reported' FROM ids),
                m AS (INSERT INTO messages (id, conversation_id, author, text)
                      SELECT id, id, 'customer', $2 FROM ids),
                t AS (INSERT INTO tickets (id, ref, conversation_id, subject, category, priority, first_reply_due,
                                           intent, intent_trust, intent_by)
                      SELECT id, 'TF-' || $1::int, id, 's', 'general', 'medium', now(), $3, 0.9, $4 FROM ids)
                INSERT INTO agent_runs (id, conversation_id, attempt, through_seq, brain, model, prompt_hash, outcome,
                                        decision, stages)
                SELECT id, id, 1, 1, 'b', 'm', 'h', 'answered',
                       jsonb_build_object('action', 'answer', 'confidence', 0.8,
                                          'best_passage', jsonb_build_object('similarity', 0.9),
                                          'intent', jsonb_build_object('label', $3, 'trust', 0.9)),
                       '{}' FROM ids
                """,
                number, text, intent, by,
            )  # fmt: skip


async def read_models(pool: DbPool) -> list[tuple[str, bool]]:
    async with pool.acquire() as conn:
        rows = await conn.fetch("SELECT source, is_active FROM intent_models ORDER BY created_at, id")
    return [(row["source"], row["is_active"]) for row in rows]


async def make_trained(pool: DbPool) -> IntentReader:
    reader = make_reader(pool)
    await reader.train_if_missing()
    return reader


async def learn_now(pool: DbPool, reader: IntentReader) -> Learned:
    learned = await learn(pool, reader, WordEmbedder())
    assert learned is not None
    return learned


async def test_a_desk_learns_its_customers_words_from_tickets_that_a_person_filed(pool: DbPool) -> None:
    reader = await make_trained(pool)
    await add_tickets(pool, count=100)
    learned = await learn_now(pool, reader)
    assert learned.tickets == 100
    assert learned.comparison is not None
    assert learned.comparison.tickets == 25
    assert learned.comparison.champion < learned.comparison.challenger == 25
    assert await read_models(pool) == [("taxonomy", False), ("tickets", True)]
    async with pool.acquire() as conn:
        newest, first = await list_models(conn)
    assert newest["compared"] == {"tickets": 25, "champion": learned.comparison.champion, "challenger": 25}
    assert first["compared"] is None
    assert (newest["metrics"]["held_out"], first["metrics"]["held_out"]) == (newest["examples"], first["examples"])
    assert (newest["examples"], newest["metrics"]["strangers"]) == (first["examples"] + 75, 8)
    guessed = await reader.read(["zorb quibble wuggle"])
    assert guessed is not None
    assert guessed.intent.id == "parcel_late"
    assert reader.classifier is not None
    assert not any("Ada" in example.text or "Dear" in example.text for example in reader.classifier.examples)
    again = await learn_now(pool, reader)
    assert again.comparison is None
    assert len(await read_models(pool)) == 2


async def test_a_worse_model_is_kept_on_record_and_out_of_work(pool: DbPool, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = await make_trained(pool)
    await add_tickets(pool, count=100)
    champion = reader.classifier
    monkeypatch.setattr("agent.intents.learn._count_right", lambda one, *_rest: 20 if one is champion else 19)
    learned = await learn_now(pool, reader)
    assert learned.comparison == Comparison(25, 20, 19)
    assert await read_models(pool) == [("taxonomy", True), ("tickets", False)]
    assert reader.classifier is champion
    assert (await learn_now(pool, reader)).comparison is None


async def test_nothing_is_learned_from_too_few_tickets_or_unproved_ones(pool: DbPool) -> None:
    reader = await make_trained(pool)
    await add_tickets(pool, count=100, by="model")
    assert (await learn_now(pool, reader)).tickets == 0
    async with pool.acquire() as conn:
        await conn.execute(ALL_CONFIRMED)
        await conn.execute(
            "INSERT INTO run_labels (run_id, kind, is_right, given_by)"
            " SELECT id, 'reopened', false, 'customer' FROM agent_runs ORDER BY id LIMIT 30"
        )
        await conn.execute(
            "UPDATE tickets SET intent_trust = 0.4 WHERE id IN (SELECT id FROM tickets ORDER BY id DESC LIMIT 10)"
        )
    learned = await learn_now(pool, reader)
    assert learned.tickets == 60
    assert (learned.right_answers, learned.wrong_answers) == (70, 30)
    assert learned.comparison is None  # 15 are held out
    assert await read_models(pool) == [("taxonomy", True)]


async def test_a_person_can_say_what_a_ticket_is_about(pool: DbPool) -> None:
    await add_tickets(pool, count=1, by="model")
    async with pool.acquire() as conn:
        assert await feedback.correct_ticket(conn, "TF-0", intent="refund_request")
        (found,) = await learning.list_examples(conn, least_trust=0.5)
    assert found.intent == "refund_request"


def test_a_quarter_is_held_out_for_ever() -> None:
    tickets = [VerifiedTicket(UUID(int=number), "refund", "text", ()) for number in range(100)]
    assert sum(map(is_held_out, tickets)) == 25


@pytest.mark.parametrize(
    ("comparison", "is_won"),
    [
        (Comparison(LEAST_HELD_OUT, 10, 11), True),
        (Comparison(LEAST_HELD_OUT, 10, 10), True),
        (Comparison(LEAST_HELD_OUT, 10, 9), False),
        (Comparison(LEAST_HELD_OUT - 1, 10, 11), False),
    ],
)
def test_only_who_is_no_worse_on_enough_tickets_takes_over(comparison: Comparison, *, is_won: bool) -> None:
    assert comparison.is_won == is_won


def answer(
    intent: str | None,
    channel: str,
    confidence: float,
    *,
    is_right: bool = True,
    trust: float = 0.9,
    scale: Scale = "meaning",
) -> LabelledAnswer:
    return LabelledAnswer(intent, trust, channel, confidence, is_right, scale)


def test_thresholds_are_proved_for_each_scope_alone() -> None:
    good = [answer("invoice", "web", 0.8 + number / 10_000) for number in range(150)]
    bad = [answer("refund", "gmail", 0.9, is_right=number % 2 == 0) for number in range(300)]
    doubtful = [answer("pricing", "gmail", 0.85, trust=0.4) for _ in range(200)]
    found = {(one.intent, one.channel): one for one in find_thresholds([*good, *bad, *doubtful])}
    assert set(found) == {("invoice", "web"), ("invoice", None), (None, "web")}
    invoice = found["invoice", "web"]
    assert invoice.threshold == 0.8
    assert invoice.verified == 150
    assert invoice.bound >= invoice.wanted_precision == 0.98
    assert find_thresholds([]) == []


def test_answers_found_by_words_prove_nothing_of_those_found_by_meaning() -> None:
    by_meaning = [answer("invoice", "web", 0.9) for _ in range(100)]
    by_words = [answer("invoice", "web", 0.9, scale="words") for _ in range(100)]
    assert find_thresholds([*by_meaning, *by_words]) == []
    found = find_thresholds([*by_meaning, *by_words * 2])
    assert {(one.scale, one.intent, one.channel) for one in found} == {
        ("words", "invoice", "web"),
        ("words", "invoice", None),
        ("words", None, "web"),
    }


async def test_learned_thresholds_replace_those_before_and_reach_the_reader(pool: DbPool) -> None:
    reader = await make_trained(pool)
    await add_tickets(pool, count=150, by="model")
    async with pool.acquire() as conn:
        await conn.execute(
            "INSERT INTO decision_thresholds"
            " VALUES (gen_random_uuid(), 'old', NULL, 0.9, 0.98, 200, 0.98, now(), 'meaning')"
        )
        await conn.execute(ALL_CONFIRMED)
    await learn_now(pool, reader)
    wanted = {("meaning", "parcel_late", "web"), ("meaning", "parcel_late", None), ("meaning", None, "web")}
    assert set(reader.thresholds) == wanted
    assert set(reader.thresholds.values()) == {0.8}
    async with pool.acquire() as conn:
        await conn.execute(
            "INSERT INTO run_labels (run_id, kind, is_right, given_by)"
            " SELECT id, 'reopened', false, 'customer' FROM agent_runs LIMIT 5"
        )
    await learn_now(pool, reader)
    assert reader.thresholds == {}


async def test_one_process_learns_at_a_time(pool: DbPool) -> None:
    reader = await make_trained(pool)
    await add_tickets(pool, count=150, by="model")
    async with pool.acquire() as conn:
        await conn.execute(ALL_CONFIRMED)
    async with hold_training(pool):
        assert await learn(pool, reader, WordEmbedder()) is None
    assert reader.thresholds == {}, "two that replace the thresholds at the same time collide"
    assert len((await learn_now(pool, reader)).thresholds) == 3


async def test_an_attempt_counts_whatever_came_of_it(pool: DbPool) -> None:
    first, second = await make_trained(pool), make_reader(pool)
    day = timedelta(days=1)
    assert await learn(pool, first, WordEmbedder(), least_age=day) is not None
    assert await read_models(pool) == [("taxonomy", True)], "there was nothing to learn"
    assert await learn(pool, second, WordEmbedder(), least_age=day) is None
    async with pool.acquire() as conn:
        await conn.execute("UPDATE learnings SET attempted_at = attempted_at - interval '1 day'")
    assert await learn(pool, second, WordEmbedder(), least_age=day) is not None
    assert await learn(pool, second, WordEmbedder(), least_age=day) is None
    assert await learn(pool, second, WordEmbedder()) is not None, "an operator may learn at any time"
