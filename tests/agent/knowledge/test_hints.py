"""Hints: the same said twice, and sentences of which one must be wrong."""

import pytest

from agent.knowledge.hints import find_contradiction
from database.pool import DbPool
from database.queries import knowledge
from tests.agent.knowledge.desk import WordEmbedder, make_document, store

RETURNS = "You can return a Hub within 30 days of delivery."


@pytest.mark.parametrize(
    ("text", "other", "expected"),
    [
        (RETURNS, "You can return a Hub within 14 days of delivery.", "other numbers"),
        ("Intro. Guests can edit tasks on a board.", "Guests cannot edit tasks on a board.", "negated"),
        ("Exports are free on every plan.", "Exports are not free on every plan.", "negated"),
        ("The app works without a connection to us.", "The app works with a connection to us.", "negated"),
    ],
)
def test_the_same_sentence_with_other_numbers_or_negated_is_a_contradiction(
    text: str, other: str, expected: str
) -> None:
    assert expected in (find_contradiction(text, other) or "")
    assert expected in (find_contradiction(other, text) or "")


@pytest.mark.parametrize(
    ("text", "other"),
    [
        (RETURNS, RETURNS),
        (RETURNS, "A Free workspace keeps its history for 14 days."),
        ("Open 5 boards.", "Open boards."),
        ("No.", "Yes."),
        ("", RETURNS),
    ],
)
def test_other_sentences_contradict_nothing(text: str, other: str) -> None:
    assert find_contradiction(text, other) is None


async def test_a_load_says_what_to_look_at_and_keeps_it_while_both_are_published(pool: DbPool) -> None:
    local = WordEmbedder()
    assert (await store(pool, "returns.md", make_document("Returns", RETURNS), local)).hints == ()
    other = RETURNS.replace("30", "14")
    result = await store(pool, "hub.md", make_document("Returns", other), local)
    assert [(hint.kind, hint.other_source) for hint in result.hints] == [("contradiction", "returns.md")]
    copy = await store(pool, "copy.md", make_document("Returns", other), local)
    assert {(hint.kind, hint.other_source) for hint in copy.hints} == {
        ("contradiction", "returns.md"),
        ("duplicate", "hub.md"),
    }
    async with pool.acquire() as conn:
        assert len(await knowledge.list_hints(conn)) == 3
    await store(pool, "returns.md", make_document("Returns", other), local)  # mended
    async with pool.acquire() as conn:
        assert {hint["kind"] for hint in await knowledge.list_hints(conn)} == {"duplicate"}


async def test_an_article_is_not_compared_with_its_own_earlier_revision_nor_with_drafts(pool: DbPool) -> None:
    local = WordEmbedder()
    await store(pool, "draft.md", make_document("Returns", RETURNS, is_draft=True), local)
    await store(pool, "returns.md", make_document("Returns", RETURNS), local)
    assert (await store(pool, "returns.md", make_document("Returns", RETURNS.replace("30", "60")), local)).hints == ()


async def test_a_document_of_many_questions_is_compared_with_the_others_all_the_same(pool: DbPool) -> None:
    local = WordEmbedder()
    await store(pool, "returns.md", make_document("Returns", RETURNS), local)
    asked = tuple(f"Returns. {RETURNS.replace('30', '14')} {number}" for number in range(40))
    other = make_document("Returns", RETURNS.replace("30", "14"), questions=asked)
    result = await store(pool, "hub.md", other, local)
    assert [(hint.kind, hint.other_source) for hint in result.hints] == [("contradiction", "returns.md")]
