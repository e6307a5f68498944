"""How customers ask: said by a document, and found by, whatever words the document itself uses."""

import pytest

from agent.knowledge.documents import Document, Section
from agent.knowledge.embed import AsyncEmbedder
from agent.knowledge.embedder import Embedders
from agent.knowledge.search import KnowledgeSearch
from agent.knowledge.vectors import fill_vectors
from database.pool import DbPool
from tests.agent.knowledge.desk import WordEmbedder, make_remote, store

ASKED = "Do you take bitcoin?"
METHODS = Document(
    "Payment methods",
    "billing",
    (Section("Cards", "All cards are accepted."), Section("Other ways", "We take no cryptocurrency or cheques.")),
)
WITH_QUESTION = Document(
    METHODS.title, METHODS.category, METHODS.sections, questions=(ASKED, "Which cards are refused?")
)
OTHER = Document("Opening hours", "general", (Section("", "Do you take a bite with us on Monday?"),))


async def search(pool: DbPool, embedder: WordEmbedder | None, query: str) -> list[tuple[str, str]]:
    found = await KnowledgeSearch(pool, AsyncEmbedder(embedder) if embedder else None).search(query)
    return [(passage.source, passage.heading) for passage in found]


async def test_a_customer_who_uses_other_words_than_the_article_finds_it_by_what_is_asked(pool: DbPool) -> None:
    embedder = WordEmbedder()
    await store(pool, "hours.md", OTHER, embedder)
    await store(pool, "methods.md", METHODS, embedder)
    assert (await search(pool, embedder, ASKED))[0][0] == "hours.md"
    await store(pool, "methods.md", WITH_QUESTION, embedder)
    found = await KnowledgeSearch(pool, AsyncEmbedder(embedder)).search(ASKED)
    assert found[0].source == "methods.md"
    assert (found[0].similarity or 0.0) > 0.75
    assert ASKED not in found[0].content, "what customers ask is no part of the answer"


async def test_a_question_belongs_to_the_likest_section(pool: DbPool) -> None:
    embedder = WordEmbedder()
    await store(pool, "methods.md", WITH_QUESTION, embedder)
    assert (await search(pool, embedder, "Which cards are refused?"))[0] == ("methods.md", "Cards")
    assert (await search(pool, embedder, ASKED))[0] == ("methods.md", "Other ways")


async def test_without_a_model_words_of_a_question_find_its_article_and_choose_its_section(pool: DbPool) -> None:
    await store(pool, "methods.md", METHODS)
    assert await search(pool, None, "bitcoin") == []
    assert await search(pool, None, "refused") == []
    await store(pool, "methods.md", WITH_QUESTION)
    assert await search(pool, None, "refused") == [("methods.md", "Cards")]
    assert await search(pool, None, "bitcoin") == [("methods.md", "Other ways")]


async def test_new_questions_are_a_new_revision_and_the_same_ones_are_none(pool: DbPool) -> None:
    assert not (await store(pool, "methods.md", METHODS)).is_unchanged
    assert not (await store(pool, "methods.md", WITH_QUESTION)).is_unchanged
    assert (await store(pool, "methods.md", WITH_QUESTION)).is_unchanged
    assert not (await store(pool, "methods.md", METHODS)).is_unchanged
    assert await search(pool, None, "bitcoin") == [], "an earlier revision's questions are not asked any more"


async def test_a_new_model_embeds_questions_too(pool: DbPool) -> None:
    await store(pool, "methods.md", WITH_QUESTION, WordEmbedder())
    remote = make_remote()
    async for _ in fill_vectors(pool, Embedders(None, remote)):
        pass
    assert ASKED in remote.asked
    found = await KnowledgeSearch(pool, None, AsyncEmbedder(remote)).search(ASKED)
    assert (found[0].similarity or 0.0) > 0.75


async def test_a_question_that_is_also_a_title_costs_nothing_and_breaks_nothing(pool: DbPool) -> None:
    embedder = WordEmbedder()
    document = Document("Payment methods", "billing", METHODS.sections, questions=("Payment methods. Cards",))
    await store(pool, "methods.md", document, embedder)
    assert len(embedder.asked) == len(set(embedder.asked))
    assert (await search(pool, embedder, "Payment methods. Cards"))[0] == ("methods.md", "Cards")


@pytest.mark.parametrize("embedder", [None, WordEmbedder()])
async def test_the_length_of_the_words_that_are_searched_counts_the_questions(
    pool: DbPool, embedder: WordEmbedder | None
) -> None:
    await store(pool, "methods.md", WITH_QUESTION, embedder)
    words = "SELECT (SELECT sum(words) FROM knowledge_base) AS k, (SELECT sum(words) FROM knowledge_revisions) AS r"
    counted = await pool.fetchrow(words)
    held = await pool.fetchval("SELECT sum(occurrences) FROM knowledge_terms")
    assert counted is not None
    assert counted["k"] == counted["r"] == held
