"""Learning from automatic answers: as they were sent, and no longer than their article holds."""

import asyncio
import json
from uuid import UUID

import pytest

from agent.decision.answerability import find_other_article
from agent.effects import DRAFT_ACCEPTED
from agent.knowledge.embed import AsyncEmbedder
from agent.knowledge.embedder import Embedders
from agent.knowledge.resolutions import learn_resolution
from agent.knowledge.search import KnowledgeSearch
from core.ids import new_id
from database.pool import DbPool
from database.queries import conversations, feedback, knowledge, runs
from database.queries.knowledge import Shelf
from database.types import Citation, ConversationId, MessageId, Passage
from tests.agent.knowledge.desk import WordEmbedder, make_document, store
from tests.agent.knowledge.test_resolutions import PLAIN, close_ticket
from tests.database.builders import make_run, wait_until_blocked

REF, OTHER_REF = "TF-20261121-0001", "TF-20261121-0002"
QUESTION = "How can I move a task to another board?"
REFUSED = "Write to the board of directors, which moves all tasks by itself. [1]"
LOCAL = WordEmbedder()


@pytest.fixture(autouse=True)
async def article(pool: DbPool) -> Passage:
    """The article that the answers are taken from."""
    await store(pool, "move.md", make_document("Move a task", PLAIN), LOCAL)
    (passage,) = await search(pool, "Move a task")
    return passage


async def search(pool: DbPool, question: str = QUESTION) -> list[Passage]:
    return await KnowledgeSearch(pool, AsyncEmbedder(LOCAL)).search(question)


async def list_kinds(pool: DbPool) -> set[str]:
    return {passage.kind for passage in await search(pool)}


async def answer(
    pool: DbPool,
    cited: Passage,
    *drafts: tuple[str, str],
    ref: str = REF,
    is_confirmed: bool = True,
    status: str = "auto_resolved",
) -> UUID:
    """A ticket that the agent has answered from this passage, with the drafts that it made and what it was told."""
    drafts = drafts or ((f"{PLAIN} [1]", DRAFT_ACCEPTED),)
    ticket_id = await close_ticket(pool, ("customer", QUESTION), ref=ref, status=status, route=None)
    async with pool.acquire() as conn, conn.transaction():
        conversation_id = ConversationId(
            await conn.fetchval("SELECT conversation_id FROM tickets WHERE id = $1", ticket_id)
        )
        calls = [
            runs.ToolCallRecord("send_response", json.dumps({"text": text, "citations": [1]}), output, 1.0)
            for text, output in drafts
        ]
        await runs.add_run(conn, make_run(conversation_id, tool_calls=calls))
        citation = Citation(number=1, passage_id=cited.id, source=cited.source, title="Move a task", excerpt=PLAIN)
        letter = f"Hi Alice,\n\n{PLAIN} [1]\n\nSources:\n[1] Move a task"
        await conversations.add_message(
            conn, MessageId(new_id()), conversation_id, "assistant", letter, citations=[citation]
        )
        if is_confirmed:
            await feedback.label_answer(conn, conversation_id, "confirmed", is_right=True)
    return ticket_id


async def learn(pool: DbPool, ticket_id: UUID) -> str:
    return await learn_resolution(pool, Embedders(LOCAL), ticket_id)


@pytest.mark.parametrize(
    ("drafts", "expected"),
    [
        ([(f"{PLAIN} [1]", DRAFT_ACCEPTED)], "learned"),
        ([(f"{PLAIN} [1]", DRAFT_ACCEPTED), (REFUSED, "Not sent: this turn is settled already.")], "learned"),
        ([(REFUSED, "Not sent: there is no passage 7."), (f"{PLAIN} [1]", DRAFT_ACCEPTED)], "learned"),
        ([(REFUSED, "Not sent: there is no passage 7.")], "not_proven"),
        ([("Open the task and choose Move in its menu. [1]", DRAFT_ACCEPTED)], "shortened"),
    ],
)
async def test_a_confirmed_answer_is_learned_as_it_was_sent_and_agrees_with_its_article(
    pool: DbPool, article: Passage, drafts: list[tuple[str, str]], expected: str
) -> None:
    assert await learn(pool, await answer(pool, article, *drafts)) == expected
    passages = await search(pool)
    if expected != "learned":
        assert [passage.kind for passage in passages] == ["article"]
        return
    assert {passage.content for passage in passages} == {PLAIN}
    assert {passage.topic_id for passage in passages} == {article.article_id}
    assert [passage.public_title for passage in passages] == ["Move a task", "Move a task"]
    assert find_other_article(passages) is None, "a resolution must not lower the confidence in its own article"


async def test_an_answer_that_only_a_person_closed_waits_for_a_person(pool: DbPool, article: Passage) -> None:
    assert await learn(pool, await answer(pool, article, is_confirmed=False, status="closed")) == "drafted"
    assert await list_kinds(pool) == {"article"}


@pytest.mark.parametrize(
    "change",
    [
        make_document("Move a task", "Tasks cannot be moved any more."),
        make_document("Move a task", PLAIN, is_draft=True),
        make_document("Move a task", PLAIN, audience="internal"),
    ],
    ids=["changed", "unpublished", "internal"],
)
async def test_an_answer_is_told_no_longer_than_its_article_says_it_to_customers(
    pool: DbPool, article: Passage, change: object
) -> None:
    learned = await answer(pool, article)
    late = await answer(pool, article, ref=OTHER_REF)
    assert await learn(pool, learned) == "learned"
    async with pool.acquire() as conn:
        before = await conn.fetchval("SELECT now()")
    await store(pool, "move.md", change, LOCAL)  # type: ignore[arg-type]
    assert "resolution" not in await list_kinds(pool)
    assert await learn(pool, late) == "not_proven"
    then = await KnowledgeSearch(pool, AsyncEmbedder(LOCAL)).search(QUESTION, shelf=Shelf(as_of=before))
    assert "resolution" in {passage.kind for passage in then}, "a replay finds what was told then"
    async with pool.acquire() as conn:
        assert await conn.fetchval("SELECT outcome FROM learned_tickets WHERE ticket_id = $1", learned) == "withdrawn"


async def test_an_answer_taken_from_an_earlier_answer_is_not_learned_again(pool: DbPool, article: Passage) -> None:
    assert await learn(pool, await answer(pool, article)) == "learned"
    first, *_ = await search(pool)
    assert first.kind == "resolution"
    assert await learn(pool, await answer(pool, first, ref=OTHER_REF)) == "not_proven"


async def test_an_answer_that_another_customer_calls_wrong_is_told_to_nobody_else(
    pool: DbPool, article: Passage
) -> None:
    learned = await answer(pool, article)
    assert await learn(pool, learned) == "learned"
    first, *_ = await search(pool)
    await answer(pool, first, ref=OTHER_REF, is_confirmed=False)
    async with pool.acquire() as conn, conn.transaction():
        await feedback.rate_ticket(conn, OTHER_REF, rating=1, is_resolved=False)
    assert await list_kinds(pool) == {"article"}
    async with pool.acquire() as conn:
        assert await conn.fetchval("SELECT outcome FROM learned_tickets WHERE ticket_id = $1", learned) == "withdrawn"


async def test_an_answer_that_is_being_called_wrong_is_not_published(pool: DbPool, article: Passage) -> None:
    ticket_id = await answer(pool, article)
    async with pool.acquire() as observer, pool.acquire() as conn, conn.transaction():
        await feedback.rate_ticket(conn, REF, rating=1, is_resolved=False)
        learning = asyncio.create_task(learn(pool, ticket_id))
        await wait_until_blocked(observer)
    assert await learning == "not_proven"
    assert await list_kinds(pool) == {"article"}


async def test_an_answer_whose_article_is_being_changed_is_not_published(pool: DbPool, article: Passage) -> None:
    ticket_id = await answer(pool, article)
    async with pool.acquire() as observer, pool.acquire() as conn, conn.transaction():
        known = await knowledge.find_article(conn, "move.md")
        assert known is not None
        await knowledge.unpublish_article(conn, known.id)
        learning = asyncio.create_task(learn(pool, ticket_id))
        await wait_until_blocked(observer)
    assert await learning == "not_proven"
    assert await list_kinds(pool) == set()
