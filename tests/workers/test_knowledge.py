"""What workers do for the knowledge beside the turns."""

import asyncio

import pytest
from structlog.testing import capture_logs

from agent.knowledge.embedder import Embedders
from agent.knowledge.vectors import keep_alone
from core.background import run_in_background
from core.settings import KnowledgeSettings
from database.patience import DatabaseAway
from database.pool import Conn, DbPool
from database.queries import vectors
from tests.agent.knowledge.desk import WordEmbedder, make_document, make_remote, store
from tests.agent.knowledge.test_resolutions import close_ticket
from workers.knowledge import KnowledgeKeeper

QUESTION, ANSWER = "How can I move a task to another board?", "Open the task, and pick the other board in its menu."


async def count_learned(pool: DbPool) -> int:
    async with pool.acquire() as conn:
        count: int = await conn.fetchval("SELECT count(*) FROM knowledge_articles WHERE kind = 'resolution'")
        return count


async def test_a_new_model_is_filled_in_the_background_and_used_from_then_on(pool: DbPool, database_url: str) -> None:
    remote = make_remote()
    await store(pool, "a.md", make_document(), WordEmbedder())
    keeper = KnowledgeKeeper(database_url, pool, Embedders(WordEmbedder(), remote), KnowledgeSettings())
    with capture_logs() as logs:
        await keeper.do_round()
        await keeper.do_round()
    async with pool.acquire() as conn:
        assert await vectors.is_ready(conn, remote.name)
    assert len(remote.asked) == 2
    assert [(log["model"], log["embedded"], log["texts"]) for log in logs if log["event"] == "embedding"] == [
        (remote.name, 0, 2)
    ]


async def test_a_remote_model_that_is_down_is_tried_again_and_said_rarely(pool: DbPool, database_url: str) -> None:
    remote = make_remote()
    remote.is_down = True
    await store(pool, "a.md", make_document(), WordEmbedder())
    keeper = KnowledgeKeeper(database_url, pool, Embedders(None, remote), KnowledgeSettings(), round_seconds=0.001)
    with capture_logs() as logs:
        async with run_in_background(keeper.run()), asyncio.timeout(60):
            while not any("later" in log["event"] for log in logs):  # noqa: ASYNC110  # all there is to wait for
                await asyncio.sleep(0.001)
            remote.is_down = False
            while not remote.asked:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
    assert [log["error"] for log in logs if "later" in log["event"]] == ["EmbeddingFailed"]


async def test_answers_are_learned_where_the_setting_says_so_and_not_otherwise(pool: DbPool, database_url: str) -> None:
    await close_ticket(pool, ("customer", QUESTION), ("person", ANSWER))
    embedders = Embedders(WordEmbedder())
    await KnowledgeKeeper(database_url, pool, embedders, KnowledgeSettings()).do_round()
    assert await count_learned(pool) == 0
    await KnowledgeKeeper(database_url, pool, embedders, KnowledgeSettings(learn_resolutions=True)).do_round()
    assert await count_learned(pool) == 1


@pytest.mark.parametrize("error", [DatabaseAway("ConnectionDoesNotExistError"), ValueError("scripted")])
async def test_what_fails_stops_neither_the_worker_nor_the_other_work(
    pool: DbPool, database_url: str, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    async def fail(*_arguments: object, **_values: object) -> int:
        raise error

    monkeypatch.setattr("workers.knowledge.learn_resolutions", fail)
    remote = make_remote()
    await store(pool, "a.md", make_document())
    keeper = KnowledgeKeeper(
        database_url, pool, Embedders(None, remote), KnowledgeSettings(learn_resolutions=True), round_seconds=0.001
    )
    with capture_logs() as logs:
        async with run_in_background(keeper.run()), asyncio.timeout(60):
            while not remote.asked:  # noqa: ASYNC110  # all there is to wait for
                await asyncio.sleep(0.001)
    assert [log["error"] for log in logs if log["event"] == "answers are learned later"] == [type(error).__name__]


async def test_a_database_that_is_away_does_not_stop_the_worker(pool: DbPool, database_url: str) -> None:
    keeper = KnowledgeKeeper(f"{database_url}_gone", pool, Embedders(None), KnowledgeSettings(), round_seconds=0.001)
    with capture_logs() as logs:
        async with run_in_background(keeper.run()), asyncio.timeout(60):
            while not logs:  # noqa: ASYNC110  # all there is to wait for
                await asyncio.sleep(0.001)
    assert [log["event"] for log in logs] == ["the knowledge is kept later"]


async def test_one_worker_keeps_the_knowledge_at_a_time(pool: DbPool, database_url: str) -> None:
    await close_ticket(pool, ("customer", QUESTION), ("person", ANSWER))
    keeper = KnowledgeKeeper(database_url, pool, Embedders(WordEmbedder()), KnowledgeSettings(learn_resolutions=True))
    async with keep_alone(database_url) as is_alone:
        assert is_alone
        await keeper.do_round()
        assert await count_learned(pool) == 0
    await keeper.do_round()
    assert await count_learned(pool) == 1


async def test_articles_of_before_are_told_their_language(pool: DbPool, database_url: str) -> None:
    await store(pool, "a.md", make_document("Export", "Wählen Sie in den Einstellungen die Ausfuhr Ihrer Daten."))
    await store(pool, "b.md", make_document("0815", "4711"))
    async with pool.acquire() as conn:
        await conn.execute("UPDATE knowledge_revisions SET language = NULL")
        await KnowledgeKeeper(database_url, pool, Embedders(None), KnowledgeSettings()).do_round()
        rows = await conn.fetch("SELECT title, language FROM knowledge_revisions ORDER BY title DESC")
    assert [tuple(row) for row in rows] == [("Export", "de"), ("0815", "en")]


async def test_texts_are_counted_again_only_after_something_was_stored(
    pool: DbPool, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = []
    measure = vectors.measure_coverage

    async def count(conn: Conn, model: str) -> vectors.Coverage:
        counted.append(model)
        return await measure(conn, model)

    monkeypatch.setattr(vectors, "measure_coverage", count)
    local = WordEmbedder()
    keeper = KnowledgeKeeper(database_url, pool, Embedders(local), KnowledgeSettings())
    await store(pool, "a.md", make_document(), local)
    async with pool.acquire() as conn:
        await conn.execute("UPDATE knowledge_revisions SET created_at = now() - interval '1 hour'")
    await keeper.do_round()
    await keeper.do_round()
    assert counted == [local.name]
    await store(pool, "b.md", make_document("Prices", "A seat costs 5 euros."))  # without a model
    await keeper.do_round()
    assert "Prices" in local.asked
    assert len(counted) == 3


async def test_vectors_go_when_no_text_is_left_for_them(
    pool: DbPool, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.knowledge.vectors._LOOKED_AT_ONCE", 3)
    local = WordEmbedder()
    await store(pool, "kept.md", make_document("Kept", "This stays."), local)
    for number in range(3):
        await store(pool, f"{number}.md", make_document(f"Gone {number}", f"Text {number}."), local)
    keeper = KnowledgeKeeper(database_url, pool, Embedders(local), KnowledgeSettings())
    async with pool.acquire() as conn:
        await conn.execute("DELETE FROM knowledge_articles WHERE source <> 'kept.md'")
        for _ in range(4):
            await keeper.do_round()
        assert await conn.fetchval("SELECT count(*) FROM knowledge_vectors") == 8, "they may be for what is stored soon"
        await conn.execute("UPDATE knowledge_vectors SET created_at = now() - interval '2 days'")
        for _ in range(4):
            await keeper.do_round()
        kept = await conn.fetch("SELECT t.part FROM knowledge_vectors LEFT JOIN knowledge_texts t USING (hash)")
    assert sorted(row["part"] for row in kept) == ["passage", "title"]
