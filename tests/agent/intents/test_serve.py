"""The classifier at work: trained once, kept for all, trained anew where what is kept does not fit."""

import asyncio

import pytest

from agent.decision.policy import Level, PolicyMatch
from agent.intents.classifier import IntentClassifier, IntentGuess, Nearest
from agent.intents.examples import Example
from agent.intents.serve import RULE_TRUST, IntentReader
from agent.intents.store import dump
from agent.intents.taxonomy import Taxonomy
from agent.intents.train import train_classifier
from database.pool import DbPool
from database.queries import intents
from database.queries.intents import NewModel
from tests.agent.builders import make_agent, make_turn
from tests.agent.intents.desk import DISPUTE, PARCEL, REFUND, make_reader, make_taxonomy
from tests.agent.intents.sample import WordEmbedder


async def list_models(pool: DbPool) -> list[tuple[str, bool]]:
    async with pool.acquire() as conn:
        rows = await conn.fetch("SELECT basis, is_active FROM intent_models ORDER BY created_at, id")
    return [(row["basis"], row["is_active"]) for row in rows]


async def test_there_is_no_intent_until_it_is_learned_and_then_the_right_one(pool: DbPool) -> None:
    reader = make_reader(pool)
    assert await reader.read([PARCEL]) is None
    assert await reader.train_if_missing()
    guessed = await reader.read([PARCEL])
    assert guessed is not None
    assert (guessed.intent.id, guessed.intent.id) == ("parcel_late", guessed.guess.label)
    assert guessed.guess.trust > max(RULE_TRUST.values())
    assert await reader.read([]) is None


async def test_what_one_worker_has_learned_the_next_one_reads(pool: DbPool) -> None:
    first, second = make_reader(pool), make_reader(pool)
    await first.train_if_missing()
    await second.refresh()
    assert second.is_ready
    assert not await second.train_if_missing()
    assert await second.read([PARCEL]) == await first.read([PARCEL])
    assert await list_models(pool) == [(first.basis, True)]


async def test_of_two_workers_that_start_together_one_trains(pool: DbPool) -> None:
    first, second = make_reader(pool), make_reader(pool)
    trained = await asyncio.gather(first.train_if_missing(), second.train_if_missing())
    assert sorted(trained) == [False, True]
    await first.refresh()
    await second.refresh()
    assert first.is_ready
    assert second.is_ready
    assert len(await list_models(pool)) == 1


async def test_another_taxonomy_or_embedder_has_a_model_of_its_own(pool: DbPool) -> None:
    first = make_reader(pool)
    await first.train_if_missing()
    fewer = Taxonomy(intents=make_taxonomy().intents[:2])
    others = [make_reader(pool, fewer), IntentReader(pool, make_taxonomy())]
    for other in others:
        await other.refresh()
        assert not other.is_ready
        assert await other.train_if_missing()
    assert await list_models(pool) == [(reader.basis, True) for reader in (first, *others)]
    again = make_reader(pool)
    await again.refresh()
    assert again.is_ready


async def test_a_version_of_before_is_asked_as_long_as_it_is_kept_and_then_the_one_at_work(pool: DbPool) -> None:
    reader = make_reader(pool)
    await reader.train_if_missing()
    assert reader.classifier is not None
    past = reader.classifier.version
    newer = train_classifier([*make_taxonomy().list_examples(), Example("zorb", "parcel_late")], (), WordEmbedder())
    model = NewModel(newer.version, reader.basis, "tickets", dump(newer), 1)
    async with pool.acquire() as conn:
        await intents.add_model(conn, model, is_active=True)
    other = make_reader(pool)
    await other.refresh()
    for version, expected in ((None, newer.version), (newer.version, newer.version), (past, past)):
        guessed = await other.read([PARCEL], version=version)
        assert guessed is not None
        assert guessed.version == expected
    async with pool.acquire() as conn:
        await conn.execute("DELETE FROM intent_models WHERE NOT is_active")
    forgetful = make_reader(pool)
    await forgetful.refresh()
    guessed = await forgetful.read([PARCEL], version=past)
    assert guessed is not None
    assert guessed.version == newer.version


async def test_a_model_that_has_learned_the_example_is_not_asked_about_it(pool: DbPool) -> None:
    reader = make_reader(pool)
    await reader.train_if_missing()
    newer = train_classifier([*make_taxonomy().list_examples(), Example("zorb", "parcel_late")], (), WordEmbedder())
    async with pool.acquire() as conn:
        await intents.add_model(conn, NewModel(newer.version, reader.basis, "tickets", dump(newer), 1), is_active=True)
    await reader.refresh()
    for version in (None, newer.version):
        known, unknown = [await reader.read(["zorb"], version=version, without=text) for text in ("zorb", "quibble")]
        assert known is not None
        assert unknown is not None
        assert (known.version, unknown.version) == (reader.shipped_version, newer.version)
    async with pool.acquire() as conn:
        await conn.execute("DELETE FROM intent_models WHERE source = 'taxonomy'")
    forgetful = make_reader(pool)
    await forgetful.refresh()
    assert await forgetful.read(["zorb"], without="zorb") is None


@pytest.mark.parametrize("damage", ["''", "substring(artifact FOR 2000)", "overlay(artifact PLACING 'xxxx' FROM 900)"])
async def test_a_damaged_model_is_trained_anew(pool: DbPool, damage: str) -> None:
    await make_reader(pool).train_if_missing()
    async with pool.acquire() as conn:
        await conn.execute(f"UPDATE intent_models SET artifact = {damage}")
    reader = make_reader(pool)
    await reader.refresh()
    assert not reader.is_ready
    assert await reader.train_if_missing()
    assert [is_active for _, is_active in await list_models(pool)] == [False, True]
    again = make_reader(pool)
    await again.refresh()
    assert again.is_ready


async def test_old_models_are_forgotten_but_never_the_one_at_work(pool: DbPool) -> None:
    async with pool.acquire() as conn:
        await conn.execute(
            "INSERT INTO intent_models (id, version, basis, source, artifact, examples, created_at)"
            " SELECT md5(n::text)::uuid, 'v', 'old', 'tickets', '', 1, now() + make_interval(mins => n)"
            " FROM generate_series(1, 9) n"
        )
    reader = make_reader(pool)
    await reader.train_if_missing()
    models = await list_models(pool)
    assert models[0] == (reader.basis, True)
    assert len(models) == 6
    async with pool.acquire() as conn:
        for _ in range(9):
            await intents.add_model(conn, NewModel("v", reader.basis, "tickets", b"", 1), is_active=True)
        await conn.execute("UPDATE intent_models SET is_active = false")
        await intents.add_model(conn, NewModel("v", reader.basis, "tickets", b"", 1), is_active=False)
        kept = await conn.fetch("SELECT source FROM intent_models ORDER BY created_at DESC, id DESC")
    assert [row["source"] for row in kept] == ["tickets"] * 5 + ["taxonomy"]


@pytest.mark.parametrize(
    ("text", "is_named"), [(REFUND, True), (PARCEL, False), ("what is the capital of Chile", False)]
)
async def test_a_sure_intent_speaks_for_its_rule(pool: DbPool, text: str, *, is_named: bool) -> None:
    reader = make_reader(pool, make_taxonomy(refund_request="billing_dispute"))
    await reader.train_if_missing()
    guessed = await reader.read([text])
    assert guessed is not None
    assert (guessed.rule is not None) == is_named
    if guessed.rule is not None:
        evidence = f"intent refund_request (trust {guessed.guess.trust:.2f})"
        assert guessed.rule == PolicyMatch("billing_dispute", "billing", "always", evidence)


@pytest.mark.parametrize(
    ("level", "trust", "is_named"),
    [("always", 0.5, True), ("always", 0.49, False), ("likely", 0.8, True), ("likely", 0.79, False)],
)
async def test_a_mandatory_rule_needs_less_trust_than_a_likely_one(
    pool: DbPool, monkeypatch: pytest.MonkeyPatch, level: Level, trust: float, *, is_named: bool
) -> None:
    rule = DISPUTE.model_copy(update={"level": level})
    reader = IntentReader(pool, make_taxonomy(refund_request="billing_dispute"), [rule])
    await reader.train_if_missing()
    guess = IntentGuess("refund_request", 0.9, trust, "parcel_late", 0.1, Nearest(REFUND, "refund_request", 0.9))
    monkeypatch.setattr(IntentClassifier, "classify", lambda *_: [guess])
    guessed = await reader.read([REFUND])
    assert guessed is not None
    assert (guessed.rule is not None) == is_named


async def test_of_several_ways_to_say_it_the_surest_counts(pool: DbPool) -> None:
    reader = make_reader(pool)
    await reader.train_if_missing()
    for texts in (["what is the capital of Chile", PARCEL], [PARCEL, "what is the capital of Chile"]):
        guessed = await reader.read(texts)
        assert guessed is not None
        assert guessed.guess.label == "parcel_late"
        assert guessed.guess.trust > max(RULE_TRUST.values())


async def test_a_turn_is_decided_and_recorded_with_its_intent_and_without_the_text_it_is_like(pool: DbPool) -> None:
    reader = make_reader(pool, make_taxonomy(refund_request="billing_dispute"))
    agent = make_agent(intents=reader)
    before = await agent.run_turn(make_turn(REFUND))
    assert (before.decision.action, before.intent, before.description["intent"]) == ("answer", None, None)
    await reader.train_if_missing()
    after = await agent.run_turn(make_turn(REFUND))
    assert (after.decision.action, after.decision.rule) == ("hand_over", "billing_dispute")
    assert after.intent is not None
    described = after.description["intent"]
    assert described["label"] == after.intent.label == "refund_request"
    assert set(described) == {
        "label",
        "probability",
        "trust",
        "runner_up",
        "runner_up_probability",
        "nearest_label",
        "nearest_similarity",
    }
    assert after.intent.nearest.text not in str(after.description)
    asked = await agent.run_turn(make_turn(PARCEL))
    assert asked.decision.action == "answer"
    assert asked.categorise is not None
    assert asked.categorise.category == "orders"
