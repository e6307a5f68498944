"""Loading the sample knowledge and finding the right article in it."""

from pathlib import Path

import pytest

from agent.knowledge.embed import AsyncEmbedder
from agent.knowledge.embedder import Embedder
from agent.knowledge.ingest import ingest_documents
from agent.knowledge.search import KnowledgeSearch
from database.pool import DbPool
from database.queries.knowledge import count_articles
from tests.conftest import SAMPLE_KNOWLEDGE

QUESTIONS = {
    "I can't remember my password": "login/",
    "where do I download last month's invoice?": "billing/",
    "my Hub parcel arrived broken": "orders/",
    "how many API requests may I send per minute": "integrations/",
    "push notifications don't show up on my phone": "mobile/",
    "what does HL-2310 mean": "reliability/error-codes",
    "can I get a copy of the data you hold about me": "privacy/",
}


def test_the_sample_knowledge_has_at_least_forty_articles() -> None:
    assert len([path for path in SAMPLE_KNOWLEDGE.rglob("*.md") if path.stem != "README"]) >= 40


@pytest.mark.parametrize(("question", "source"), QUESTIONS.items())
async def test_a_question_in_a_customers_words_finds_its_article(
    knowledge_pool: DbPool, embedder: Embedder, question: str, source: str
) -> None:
    found = await KnowledgeSearch(knowledge_pool, AsyncEmbedder(embedder)).search(question)
    assert source in found[0].source
    assert found == sorted(found, key=lambda passage: -passage.score)


async def test_without_a_model_words_alone_still_find_an_identifier(knowledge_pool: DbPool) -> None:
    found = await KnowledgeSearch(knowledge_pool, None).search("error HL-2310")
    assert "error-codes" in found[0].source
    assert found[0].similarity is None


async def test_a_question_without_any_known_word_finds_nothing_by_words(knowledge_pool: DbPool) -> None:
    assert await KnowledgeSearch(knowledge_pool, None).search("xyzzy plugh") == []
    assert await KnowledgeSearch(knowledge_pool, None).search("the of and") == []


@pytest.mark.parametrize("query", ["'; DROP TABLE messages; --", "a & b | !c <-> d", "\\", "😀" * 500, "word " * 3000])
async def test_no_query_breaks_the_search(knowledge_pool: DbPool, embedder: Embedder, query: str) -> None:
    await KnowledgeSearch(knowledge_pool, AsyncEmbedder(embedder)).search(query)


async def test_loading_again_skips_what_is_unchanged_and_replaces_what_changed(
    pool: DbPool, embedder: Embedder, tmp_path: Path
) -> None:
    path = tmp_path / "hours.md"
    path.write_text("# Hours\n\nWe are open on Monday.")

    async def load() -> list[bool]:
        return [r.is_unchanged async for r in ingest_documents(pool, embedder, [path], root=tmp_path)]

    assert await load() == [False]
    assert await load() == [True]
    path.write_text("# Hours\n\nWe are open on Tuesday.")
    assert await load() == [False]
    async with pool.acquire() as conn:
        assert await count_articles(conn) == 1
    found = await KnowledgeSearch(pool, AsyncEmbedder(embedder)).search("Are you open on Monday?")
    assert [passage.content for passage in found] == ["We are open on Tuesday."]


async def test_one_damaged_file_does_not_stop_the_others(pool: DbPool, tmp_path: Path) -> None:
    (tmp_path / "bad.txt").write_bytes(b"\xff\xfe")
    (tmp_path / "good.txt").write_text("Good text.")
    paths = [tmp_path / "bad.txt", tmp_path / "good.txt"]
    results = [result async for result in ingest_documents(pool, None, paths)]
    assert [result.problem is None for result in results] == [False, True]


async def test_the_planner_learns_while_a_load_goes_on_how_large_the_knowledge_is(pool: DbPool, tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.md" for number in range(9)]
    for path in paths:
        path.write_text(f"# Title {path.stem}\n\nText {path.stem}.")
    known: list[int] = []
    async for _ in ingest_documents(pool, None, paths):
        async with pool.acquire() as conn:
            known.append(
                await conn.fetchval("SELECT reltuples::int FROM pg_class WHERE relname = 'knowledge_articles'")
            )
    assert known == [-1, 1, 2, 2, 4, 4, 4, 4, 8]
