"""What a search may find: what is published, for whom, in which language, as of when; and why it comes first."""

from datetime import UTC, datetime

import pytest

from agent.knowledge.search import KnowledgeSearch
from database.pool import DbPool
from database.queries import knowledge
from database.queries.knowledge import Shelf
from database.types import Passage
from tests.agent.knowledge.desk import make_document, store


async def ask(pool: DbPool, question: str, **shelf: object) -> list[str]:
    return [passage.content for passage in await find(pool, question, **shelf)]


async def find(pool: DbPool, question: str, **shelf: object) -> list[Passage]:
    return await KnowledgeSearch(pool, None).search(question, shelf=Shelf(**shelf))  # type: ignore[arg-type]


async def read_clock(pool: DbPool) -> datetime:
    async with pool.acquire() as conn:
        moment: datetime = await conn.fetchval("SELECT clock_timestamp()")
        return moment


async def list_languages(pool: DbPool, as_of: datetime | None = None) -> tuple[str, ...]:
    async with pool.acquire() as conn:
        version = await knowledge.find_version(conn, as_of=as_of)
    assert version is not None
    return version.languages


async def test_a_replaced_article_is_found_as_it_was_at_any_time(pool: DbPool) -> None:
    before = await read_clock(pool)
    await store(pool, "hours.md", make_document(text="We are open on Monday."))
    between = await read_clock(pool)
    await store(pool, "hours.md", make_document(text="We are open on Tuesday."))
    assert await ask(pool, "When are you open?") == ["We are open on Tuesday."]
    assert await ask(pool, "When are you open?", as_of=between) == ["We are open on Monday."]
    assert await ask(pool, "When are you open?", as_of=before) == []


async def test_the_knowledge_is_known_by_its_languages_at_any_time(pool: DbPool) -> None:
    await store(pool, "en.md", make_document(text="Shared word."))
    await store(pool, "fr.md", make_document(text="Un mot.", language="fr", audience="internal"))
    before = await read_clock(pool)
    await store(pool, "en.md", make_document(text="Geteiltes Wort.", language="de"))
    assert await list_languages(pool) == ("de",)
    assert await list_languages(pool, before) == ("en",)


async def test_each_change_of_what_is_published_is_a_version_and_a_draft_is_none(pool: DbPool) -> None:
    async def find_version(as_of: datetime | None = None) -> knowledge.KnowledgeVersion | None:
        async with pool.acquire() as conn:
            return await knowledge.find_version(conn, as_of=as_of)

    assert await find_version() is None
    await store(pool, "a.md", make_document())
    first = await find_version()
    await store(pool, "a.md", make_document())
    await store(pool, "b.md", make_document("Draft", is_draft=True))
    assert await find_version() == first
    await store(pool, "a.md", make_document(text="We are open on Tuesday."))
    second = await find_version()
    assert first is not None
    assert second not in {None, first}
    assert await find_version(first.published_at) == first
    assert await find_version(datetime(2001, 1, 1, tzinfo=UTC)) is None


async def test_a_draft_is_found_once_it_is_published_and_not_after_it_is_a_draft_again(pool: DbPool) -> None:
    await store(pool, "hours.md", make_document(is_draft=True))
    assert await ask(pool, "open Monday") == []
    async with pool.acquire() as conn:
        article = await knowledge.find_article(conn, "hours.md")
        assert article is not None
        assert await knowledge.publish_revision(conn, article.revision_id)
        assert not await knowledge.publish_revision(conn, article.revision_id)
    published = await read_clock(pool)
    assert await ask(pool, "open Monday") == ["We are open on Monday."]
    async with pool.acquire() as conn:
        assert await knowledge.unpublish_article(conn, article.id)
        assert not await knowledge.unpublish_article(conn, article.id)
    assert await ask(pool, "open Monday") == []
    assert await ask(pool, "open Monday", as_of=published) == ["We are open on Monday."]


async def test_a_new_revision_of_a_draft_stays_a_draft_until_its_document_says_otherwise(pool: DbPool) -> None:
    await store(pool, "hours.md", make_document(is_draft=True))
    result = await store(pool, "hours.md", make_document(text="We are open on Tuesday."))
    assert result.is_draft
    assert await ask(pool, "open Tuesday") == []
    await store(pool, "hours.md", make_document(text="We are open on Tuesday.", is_draft=False))
    assert await ask(pool, "open Tuesday") == ["We are open on Tuesday."]
    await store(pool, "hours.md", make_document(text="We are open on Friday.", is_draft=True))
    assert await ask(pool, "open Tuesday or Friday") == []


async def test_customers_are_told_nothing_internal_and_languages_are_kept_apart(pool: DbPool) -> None:
    await store(pool, "en.md", make_document(text="Shared word."))
    await store(pool, "de.md", make_document(text="Shared Wort.", language="de"))
    await store(pool, "staff.md", make_document(text="Shared secret.", audience="internal"))
    assert set(await ask(pool, "shared")) == {"Shared word.", "Shared Wort."}
    assert await ask(pool, "shared", language="de") == ["Shared Wort."]
    assert await ask(pool, "shared", audiences=("internal",)) == ["Shared secret."]
    assert await list_languages(pool) == ("de", "en")


@pytest.mark.parametrize("question", ["HL-2310", "what is hl-2310?", "An error of a file, with an error HL-2310 in it"])
async def test_an_identifier_finds_the_passage_that_has_it(pool: DbPool, question: str) -> None:
    for number in range(20):
        text = f"This error of a file has the code HL-{2300 + number} and an error message in it."
        await store(pool, f"{number}.md", make_document(f"Error of a file {number}", text))
    best = (await find(pool, question))[0]
    assert best.source == "10.md"
    assert best.named == 1.0


async def test_a_score_is_the_sum_of_its_parts(pool: DbPool) -> None:
    await store(pool, "a.md", make_document(text="The code of this error is HL-1042."))
    await store(pool, "b.md", make_document(text="The weather is fine."))
    best, *_ = await find(pool, "error HL-1042")
    assert best.similarity is None
    assert best.lexical == 1.0
    assert best.score == pytest.approx(0.15 * best.lexical + 0.5 * best.named)


async def test_rare_words_count_more_than_common_ones(pool: DbPool) -> None:
    for number in range(8):
        await store(pool, f"{number}.md", make_document("Board", "The board has tasks, and a task has a board."))
    await store(pool, "rare.md", make_document("Exports", "A webhook tells you."))
    assert (await ask(pool, "board task webhook"))[0] == "A webhook tells you."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Wählen Sie in den Einstellungen „Exportieren“ und laden Sie die Datei herunter.", "de"),
        ("Open Settings, choose Export and download the file.", "en"),
        ("0815", "en"),
    ],
)
async def test_a_document_that_does_not_say_its_language_has_that_of_its_text(
    pool: DbPool, text: str, expected: str
) -> None:
    await store(pool, "export.md", make_document("0815", text))
    (found,) = await find(pool, "0815")
    assert found.language == expected
