"""Replaying: turns that the desk has settled, decided once more, with nothing written and nothing sent."""

from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from agent.assemble import build_agent
from agent.context import Turn
from agent.evaluation.replay import (
    Knowledge,
    LeftOut,
    Replayed,
    Verdict,
    build_turn,
    replay_runs,
    summarise_replay,
)
from agent.intents.examples import Example
from agent.intents.store import dump
from agent.intents.train import train_classifier
from agent.knowledge.documents import Document, Section
from agent.knowledge.embedder import Embedder, Embedders
from agent.knowledge.ingest import store_document
from agent.knowledge.vectors import embed_texts
from agent.run import TurnResult
from core.settings import AgentSettings, Settings
from database.pool import DbPool, open_pool
from database.queries import intents
from database.queries import knowledge as library
from database.queries.intents import NewModel
from database.queries.replays import PastRun, read_runs
from database.queries.vectors import PassageText
from database.types import EARLIER_ANSWER
from tests.agent.builders import make_agent, make_turn
from tests.agent.models.asking import ANSWER, make_brain
from tests.emulators.openai.script import Fail
from tests.emulators.openai.server import serve_openai
from tests.workers.stubs import Desk, build_answer

ANSWERABLE = "How can I reset my forgotten password?"
FOLLOW_UP = "And how do I export a board as CSV?"
DISPUTED = "You charged my card twice, I want my money back."
SINCE, UNTIL = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def replay_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings whose folder keeps the embedded seeds, so that only the first agent takes long to build."""
    return Settings.model_construct(data_dir=tmp_path_factory.mktemp("replay"))


@pytest.fixture
async def desk(knowledge_pool: DbPool, replay_settings: Settings, embedder: Embedder) -> Desk:
    """A desk with the sample knowledge and the real agent, with three turns of two tickets settled."""
    desk = Desk(knowledge_pool, replay_settings)
    async with aclosing(await build_agent(replay_settings, knowledge_pool, Embedders(embedder))) as agent:
        desk.agent.think = agent.run_turn
        for text in (ANSWERABLE, FOLLOW_UP):
            await (desk.reply(text) if desk.agent.turns else desk.submit(text))
            await desk.work()
        await desk.submit(DISPUTED, ref="TF-20261121-0002")
        await desk.work()
    return desk


async def replay(
    desk: Desk,
    database_url: str,
    embedder: Embedder,
    knowledge: Knowledge = "then",
    *,
    settings: AgentSettings | None = None,
    limit: int | None = None,
) -> list[Replayed | LeftOut]:
    changed = desk.settings.model_copy(update={"agent": settings or desk.settings.agent})
    async with (
        open_pool(database_url, application="test", max_size=4, is_read_only=True) as pool,
        aclosing(await build_agent(changed, pool, Embedders(embedder))) as agent,
    ):
        runs = read_runs(pool, SINCE, UNTIL)
        return [outcome async for outcome in replay_runs(agent, runs, knowledge=knowledge, limit=limit)]


def read_kinds(outcomes: list[Replayed | LeftOut]) -> list[str]:
    return [outcome.kind if isinstance(outcome, Replayed) else "left out" for outcome in outcomes]


async def count_rows(desk: Desk) -> dict[str, int]:
    tables = await desk.fetch("SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'")
    return {table["name"]: await desk.count(table["name"]) for table in tables}


async def test_with_the_same_settings_nothing_changes_and_nothing_is_written(
    desk: Desk, knowledge_url: str, embedder: Embedder
) -> None:
    outcomes_before = await desk.fetch("SELECT outcome FROM agent_runs ORDER BY created_at")
    assert [row["outcome"] for row in outcomes_before] == ["answered", "answered", "escalated"]
    before, replies = await count_rows(desk), desk.replies
    outcomes = await replay(desk, knowledge_url, embedder)
    assert read_kinds(outcomes) == ["unchanged"] * 3
    assert await count_rows(desk) == before
    assert desk.replies == replies
    summary = summarise_replay(outcomes)
    assert (summary.turns, summary.kinds, summary.left_out) == (3, {"unchanged": 3}, {})
    assert summary.cost_before == summary.cost_after == 0


async def test_a_policy_or_classifier_that_was_another_then_is_counted(
    desk: Desk, knowledge_url: str, embedder: Embedder
) -> None:
    assert summarise_replay(await replay(desk, knowledge_url, embedder)).drifted == {}
    newest = "(SELECT id FROM agent_runs ORDER BY created_at DESC LIMIT 1)"
    await desk.execute(
        f"UPDATE agent_runs SET decision = jsonb_set(decision, '{{versions,policy}}', '\"0ld\"') WHERE id <> {newest}"
    )
    await desk.execute(f"UPDATE agent_runs SET decision = decision - 'versions' WHERE id = {newest}")
    outcomes = await replay(desk, knowledge_url, embedder)
    assert [outcome.drifted for outcome in outcomes if isinstance(outcome, Replayed)] == [
        ("policy",),
        ("policy",),
        ("policy", "classifier"),
    ]
    assert summarise_replay(outcomes).drifted == {"policy": 3, "classifier": 1}


async def test_the_classifier_of_then_is_asked_unless_that_of_now_is_wanted(desk: Desk) -> None:
    await desk.execute("UPDATE agent_runs SET decision = jsonb_set(decision, '{versions,classifier}', '\"v1\"')")
    async for run in read_runs(desk.pool, SINCE, UNTIL):
        assert build_turn(run, "then").classifier == "v1"
        assert build_turn(run, "now").classifier is None


async def test_no_turn_is_replayed_with_what_its_own_ticket_taught_the_classifier(
    desk: Desk, knowledge_url: str, embedder: Embedder
) -> None:
    async with aclosing(await build_agent(desk.settings, desk.pool, Embedders(embedder))) as agent:
        reader = agent.intents
        assert reader is not None
        examples = [Example(text, intent) for intent in ("invoice", "refund") for text in (f"My {intent}", "Please")]
        shipped = train_classifier(examples, (), embedder)
        taught = train_classifier([*examples, Example(ANSWERABLE, "refund")], (), embedder)
        kept = [
            NewModel(reader.shipped_version, reader.basis, "taxonomy", dump(replace(shipped, version="shipped")), 4),
            NewModel("taught", reader.basis, "tickets", dump(replace(taught, version="taught")), 5),
        ]
        async with desk.pool.acquire() as conn:
            for model in kept:
                await intents.add_model(conn, model, is_active=True)
    for knowledge in ("now", "then"):
        outcomes = await replay(desk, knowledge_url, embedder, knowledge)
        asked = [one.after.versions["classifier"] for one in outcomes if isinstance(one, Replayed)]
        assert asked == ["shipped", "shipped", "taught"], "the ticket of the first two turns is an example"


async def test_the_server_refuses_to_write_for_a_replay(knowledge_url: str) -> None:
    async with open_pool(knowledge_url, application="test", max_size=1, is_read_only=True) as pool:
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await pool.execute("UPDATE tickets SET status = 'closed'")


async def test_turns_are_as_they_were_and_not_as_their_conversation_is_now(desk: Desk) -> None:
    await desk.execute("UPDATE tickets SET subject = 'changed', category = 'legal', priority = 'urgent'")
    runs = [run async for run in read_runs(desk.pool, SINCE, UNTIL)]
    turns = [build_turn(run, "then") for run in runs]
    for stored, then in zip(turns, desk.agent.turns, strict=True):
        assert stored.messages == then.messages
        expected = replace(then.conversation, is_reachable=True, recent_replies=0)
        assert stored.conversation == expected
    assert [len(turn.conversation.history) for turn in turns] == [0, 2, 0]


async def test_a_higher_threshold_hands_answers_over_and_a_limit_replays_the_oldest(
    desk: Desk, knowledge_url: str, embedder: Embedder
) -> None:
    strict = AgentSettings(confidence_threshold=1.0)
    outcomes = await replay(desk, knowledge_url, embedder, settings=strict)
    assert read_kinds(outcomes) == ["answer → hand_over", "answer → hand_over", "unchanged"]
    assert isinstance(outcomes[0], Replayed)
    assert outcomes[0].differences == ("decision", "rule", "route", "reply", "citations")
    assert outcomes[0].before.reply
    assert outcomes[0].after.rule == "low_confidence"
    assert len(await replay(desk, knowledge_url, embedder, settings=strict, limit=1)) == 1


async def test_newer_knowledge_changes_the_reply_only_where_it_is_asked_for(
    desk: Desk, knowledge_url: str, embedder: Embedder
) -> None:
    text = "Select Forgot password on the sign-in page, and follow the link that arrives by text message."
    document = Document(ANSWERABLE, "login", (Section("", text),), is_draft=False)
    await store_document(desk.pool, Embedders(embedder), "new/password.md", document)
    assert read_kinds(await replay(desk, knowledge_url, embedder, "then")) == ["unchanged"] * 3
    first, *_ = await replay(desk, knowledge_url, embedder, "now")
    assert isinstance(first, Replayed)
    assert first.kind == "other reply"
    assert "new/password.md" in first.after.cited
    assert "by text message" in first.after.reply


@pytest.mark.parametrize(("is_own", "expected"), [(True, False), (False, True)])
async def test_what_was_learned_from_the_same_ticket_is_left_out(
    desk: Desk, knowledge_url: str, embedder: Embedder, is_own: bool, expected: bool
) -> None:
    tickets = [row["id"] for row in await desk.fetch("SELECT id FROM tickets ORDER BY ref")]
    await publish_resolution(desk, embedder, tickets[0] if is_own else tickets[1])
    first, *_ = await replay(desk, knowledge_url, embedder, "now")
    assert isinstance(first, Replayed)
    assert (EARLIER_ANSWER in first.after.cited) == expected


async def publish_resolution(desk: Desk, embedder: Embedder, ticket_id: UUID) -> None:
    """As if the first question's answer had been learned from this ticket."""
    article = library.NewArticle(
        source=f"resolution/{ticket_id}",
        title=ANSWERABLE,
        category="login",
        language="en",
        audience="public",
        content_hash="h",
        passages=[PassageText(ANSWERABLE, "", "Select Forgot password on the sign-in page and follow the link.")],
        kind="resolution",
        ticket_id=ticket_id,
    )
    await embed_texts(desk.pool, Embedders(embedder), article.texts)
    async with desk.pool.acquire() as conn, conn.transaction():
        revision = await library.add_revision(conn, article)
        await library.publish_revision(conn, revision.revision_id)


async def test_what_no_agent_decided_is_left_out_and_counted(pool: DbPool, tmp_path: Path) -> None:
    desk = Desk(pool, Settings.model_construct(data_dir=tmp_path))

    async def be_overtaken(turn: Turn) -> TurnResult:
        await desk.reply("one more thing")
        desk.agent.think = think
        return build_answer(turn)

    async def be_taken_over(turn: Turn) -> TurnResult:
        await desk.execute("UPDATE conversations SET owner = 'person'")
        return build_answer(turn)

    agent = make_agent()
    think = agent.run_turn
    desk.agent.think = be_overtaken
    await desk.submit(ANSWERABLE)
    await desk.work()
    await desk.work()
    desk.agent.think = be_taken_over
    await desk.reply("And then?")
    await desk.work()
    await desk.submit(ANSWERABLE, ref="TF-20261121-0002")
    await desk.set_attempts(desk.settings.worker.max_attempts)
    await desk.work()
    await desk.execute("UPDATE agent_runs SET turn = NULL WHERE outcome = 'answered'")
    runs = read_runs(pool, SINCE, UNTIL)
    outcomes = [outcome async for outcome in replay_runs(agent, runs, knowledge="then")]
    reasons = [outcome.reason for outcome in outcomes if isinstance(outcome, LeftOut)]
    assert [reason.split()[0] for reason in reasons] == ["overtaken", "recorded", "a", "decided"]
    assert sum(summarise_replay(outcomes).left_out.values()) == 4
    with pytest.raises(ValueError, match="no record"):
        build_turn(outcomes[1].run, "then")


async def test_a_models_answer_is_held_against_the_offline_brains_with_what_it_costs(
    pool: DbPool, tmp_path: Path
) -> None:
    desk = Desk(pool, Settings.model_construct(data_dir=tmp_path))
    desk.agent.think = make_agent().run_turn
    await desk.submit(ANSWERABLE)
    await desk.work()
    for step, fallback in ((ANSWER, None), (Fail(401), "AuthenticationError")):
        async with serve_openai(step) as server, aclosing(make_agent(brain=make_brain(server))) as agent:
            runs = read_runs(pool, SINCE, UNTIL)
            [outcome] = [outcome async for outcome in replay_runs(agent, runs, knowledge="then")]
        assert isinstance(outcome, Replayed)
        assert outcome.before.model == "offline"
        assert outcome.fallback == fallback
        summary = summarise_replay([outcome])
        assert summary.fallbacks == (fallback is not None)
        assert summary.cost_before == 0
        if fallback is None:
            assert outcome.after.model == "gpt-4o"
            assert outcome.after.cost_usd
            assert summary.cost_after == outcome.after.cost_usd
    assert await desk.count("agent_runs") == 1


def make_replayed(before: Verdict, after: Verdict) -> Replayed:
    conversation = make_turn().conversation
    run = PastRun(
        id=conversation.id,  # type: ignore[arg-type]  # any id will do
        created_at=SINCE + timedelta(days=1),
        outcome="answered",
        brain="openai",
        model="gpt-4o",
        decision={},
        cost_usd=before.cost_usd,
        channel="web",
        ticket_id=conversation.id,
        ticket_ref="TF-20261121-0001",
        reply=before.reply,
        cited=before.cited,
        conversation=conversation,
        messages=("How?",),
        has_files=False,
        first_message="How?",
        names=(),
    )
    return Replayed(run, before, after)


@pytest.mark.parametrize(
    ("before", "after", "kind", "differences"),
    [
        (
            Verdict("answer", "grounded_answer", reply="a"),
            Verdict("answer", "grounded_answer", reply="a"),
            "unchanged",
            (),
        ),
        (
            Verdict("answer", "grounded_answer", reply="a", cited=("x",)),
            Verdict("answer", "grounded_answer", reply="b", cited=("y",)),
            "other reply",
            ("reply", "citations"),
        ),
        (
            Verdict("hand_over", "low_confidence", route="general"),
            Verdict("hand_over", "legal_threat", route="legal"),
            "other rule or team",
            ("rule", "route"),
        ),
        (
            Verdict("hand_over", "low_confidence", route="general"),
            Verdict("answer", "grounded_answer", reply="b"),
            "hand_over → answer",
            ("decision", "rule", "route", "reply"),
        ),
        (
            Verdict("stay_silent", "needs_no_answer"),
            Verdict("hand_over", "anger", route="general"),
            "stay_silent → hand_over",
            ("decision", "rule", "route"),
        ),
    ],
)
def test_a_change_is_named_by_what_it_means_to_the_customer(
    before: Verdict, after: Verdict, kind: str, differences: tuple[str, ...]
) -> None:
    replayed = make_replayed(before, after)
    assert (replayed.kind, replayed.differences) == (kind, differences)


def test_costs_are_added_and_an_unknown_price_is_not_taken_for_nothing() -> None:
    paid = Verdict("answer", "grounded_answer", cost_usd=Decimal("0.002"))
    unknown = replace(paid, cost_usd=None)
    summary = summarise_replay([make_replayed(paid, paid), make_replayed(paid, unknown)])
    assert summary.cost_before == Decimal("0.004")
    assert summary.cost_after is None
