"""What workers do for the knowledge beside the turns."""

import asyncio

from structlog.testing import capture_logs

from agent.knowledge.embedder import Embedders
from core.background import run_in_background
from core.settings import KnowledgeSettings
from database.pool import DbPool
from database.queries import vectors
from tests.agent.knowledge.desk import WordEmbedder, make_document, make_remote, store
from tests.agent.knowledge.test_resolutions import ANSWER, QUESTION, close_ticket
from workers.knowledge import KnowledgeKeeper


async def count_learned(pool: DbPool) -> int:
    async with pool.acquire() as conn:
        count: int = await conn.fetchval("SELECT count(*) FROM knowledge_articles WHERE kind = 'resolution'")
        return count


async def test_a_new_model_is_filled_in_the_background_and_used_from_then_on(pool: DbPool) -> None:
    remote = make_remote()
    await store(pool, "a.md", make_document(), WordEmbedder())
    keeper = KnowledgeKeeper(pool, Embedders(WordEmbedder(), remote), KnowledgeSettings())
    with capture_logs() as logs:
        await keeper.do_round()
        await keeper.do_round()
    async with pool.acquire() as conn:
        assert await vectors.is_ready(conn, remote.name)
    assert len(remote.asked) == 2
    assert [(log["model"], log["embedded"], log["texts"]) for log in logs if log["event"] == "embedding"] == [
        (remote.name, 0, 2)
    ]


async def test_a_remote_model_that_is_down_is_tried_again_and_said_rarely(pool: DbPool) -> None:
    remote = make_remote()
    remote.is_down = True
    await store(pool, "a.md", make_document(), WordEmbedder())
    keeper = KnowledgeKeeper(pool, Embedders(None, remote), KnowledgeSettings(), round_seconds=0.001)
    with capture_logs() as logs:
        async with run_in_background(keeper.run()), asyncio.timeout(60):
            while not any("later" in log["event"] for log in logs):  # noqa: ASYNC110  # all there is to wait for
                await asyncio.sleep(0.001)
            remote.is_down = False
            while not remote.asked:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
    assert [log["error"] for log in logs if "later" in log["event"]] == ["EmbeddingFailed"]


async def test_answers_are_learned_where_the_setting_says_so_and_not_otherwise(pool: DbPool) -> None:
    await close_ticket(pool, ("customer", QUESTION), ("person", ANSWER))
    embedders = Embedders(WordEmbedder())
    await KnowledgeKeeper(pool, embedders, KnowledgeSettings()).do_round()
    assert await count_learned(pool) == 0
    await KnowledgeKeeper(pool, embedders, KnowledgeSettings(learn_resolutions=True)).do_round()
    assert await count_learned(pool) == 1
