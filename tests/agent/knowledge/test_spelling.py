"""What customers mistype is found all the same, and nothing is mended that was right."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.knowledge.documents import Document, Section
from agent.knowledge.embed import AsyncEmbedder
from agent.knowledge.search import KnowledgeSearch
from agent.knowledge.spelling import find_strange_words, mend
from database.pool import DbPool
from tests.agent.knowledge.desk import WordEmbedder, make_document, store
from tests.fuzz import fuzz_settings

KNOWN = {"delete": 9, "comment": 7, "moment": 1, "address": 4, "password": 8, "dress": 1, "harborline": 99}


def repair(text: str) -> str:
    return mend(text, find_strange_words(text), KNOWN)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("how do i deleet a coment", "how do i delete a comment"),
        ("my ADRESS is wrong", "my address is wrong"),
        ("the pasword, again!", "the password, again!"),
        ("i dont rmemeber my pasword and cant tipe", "i dont rmemeber my password and cant tipe"),
    ],
)
def test_a_mistyped_word_becomes_the_one_that_the_knowledge_has(typed: str, meant: str) -> None:
    assert repair(typed) == meant


@pytest.mark.parametrize(
    "text",
    [
        "Our dress code is a moment away",  # English, however near to what the knowledge has
        "Does Harborlane exist at harborlin.example or /pasword or me@pasword.example or pasword_id?",
        "Harborline deletes comments",
        "see the 'pasword' in adress-field",
        "Ich habe mein Pasword vergessen und die Adress geändert",
        "asdkjh qwpoe zzzt adress",
        "",
    ],
)
def test_right_words_names_addresses_and_other_languages_stay_as_they_are(text: str) -> None:
    assert repair(text.replace("Harborlane", "Harborline")) == text.replace("Harborlane", "Harborline")


@fuzz_settings
@given(st.text(max_size=400))
def test_no_text_breaks_it_and_without_known_words_none_changes(text: str) -> None:
    assert mend(text, find_strange_words(text), {}) == text


@pytest.mark.parametrize("embedder", [None, WordEmbedder()])
async def test_a_mistyped_question_finds_what_the_right_one_finds(pool: DbPool, embedder: WordEmbedder | None) -> None:
    await store(pool, "comments.md", make_document("Comments", "Delete a comment from its menu."), embedder)
    await store(pool, "hours.md", make_document("Opening hours", "We are open on Monday."), embedder)
    search = KnowledgeSearch(pool, AsyncEmbedder(embedder) if embedder else None).search
    found = await search("deleet a coment")
    assert found[0].source == "comments.md"
    assert found == sorted(found, key=lambda passage: -passage.score)
    assert len({passage.id for passage in found}) == len(found)
    right = await search("delete a comment")
    assert found[0].score == pytest.approx(right[0].score)


async def test_a_word_of_the_desks_own_is_no_mistake(pool: DbPool) -> None:
    sections = (Section("", "The Komment is our display."),)
    await store(pool, "komment.md", Document("Komment", "general", sections))
    await store(pool, "comments.md", make_document("Comments", "Delete a comment from its menu."))
    found = await KnowledgeSearch(pool, None).search("komment")
    assert [passage.source for passage in found] == ["komment.md"]
