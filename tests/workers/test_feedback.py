"""The loop closed: what people and customers make of answers is what the next customer is told."""

import json
from contextlib import aclosing

import pytest

from agent.assemble import build_agent
from agent.context import Turn
from agent.knowledge.embed import AsyncEmbedder
from agent.knowledge.embedder import Embedder, Embedders
from agent.knowledge.search import KnowledgeSearch
from agent.run import TurnResult
from core.ids import new_id
from core.settings import KnowledgeSettings, Settings
from database.pool import DbPool
from database.queries import conversations, feedback, knowledge
from database.types import Identity, MessageId
from tests.agent.knowledge.desk import WordEmbedder
from tests.database.builders import make_message, make_request
from tests.workers.stubs import REF, Desk, think_a_handover, think_an_answer
from workers.knowledge import KnowledgeKeeper

OTHER_REF = "TF-20261121-0002"
ALICE = Identity(kind="email", value="alice@example.com", level="self_reported", name="Alice Abbott")
BOB = Identity(kind="email", value="bob@example.com", level="self_reported", name="Bob Brook")
PROBLEM = (
    "Hi, I am Alice Abbott, customer number 4711-22. How do I make the barcode scanner of the warehouse talk to"
    " Harborline? You reach me under alice@example.com or +49 30 1234567."
)
SAME_PROBLEM = "How do I make the barcode scanner of the warehouse talk to Harborline?"
# A name that no article has, such as that of the product in a desk without any, might be a customer's.
NAMELESS_PROBLEM = SAME_PROBLEM.replace("Harborline", "you")
ANSWERABLE = "How do I invite a teammate to our workspace?"
SOLUTION = "Hold the trigger of the barcode scanner for ten seconds, and then choose how it is to be paired."
PERSONAL = ("Alice", "Abbott", "4711", "alice@", "1234567", "Sam")


@pytest.fixture(scope="module")
def kept_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings whose folder keeps the embedded seeds, so that only the first agent takes long to build."""
    return Settings.model_construct(data_dir=tmp_path_factory.mktemp("feedback"))


async def submit(desk: Desk, text: str, sender: Identity, ref: str) -> None:
    request = make_request(ref).model_copy(update={"subject": "A question"})
    await desk.publish(make_message(ref, text=text, ticket=request, sender=sender))
    await desk.work()


async def answer_as_person(desk: Desk, text: str) -> None:
    """What the route for a person's reply does, without the sending."""
    async with desk.pool.acquire() as conn, conn.transaction():
        assert await feedback.note_answer(conn, REF, text)
        conversation_id = await conn.fetchval("SELECT conversation_id FROM tickets WHERE ref = $1", REF)
        await conversations.add_message(conn, MessageId(new_id()), conversation_id, "person", text)


async def learn(desk: Desk, url: str, embedder: Embedder) -> None:
    """Everything is sent, the quiet time passes, and a worker's round."""
    await desk.execute("UPDATE outbox SET state = 'sent'")
    await desk.execute("UPDATE tickets SET updated_at = updated_at - interval '2 days'")
    await desk.execute("UPDATE run_labels SET created_at = created_at - interval '2 days'")
    settings = KnowledgeSettings(learn_resolutions=True)
    await KnowledgeKeeper(url, desk.pool, Embedders(embedder), settings).do_round()


async def publish_learned(desk: Desk) -> None:
    """A person has read the drafts, and lets the agent read them."""
    async with desk.pool.acquire() as conn, conn.transaction():
        for row in await conn.fetch("SELECT source FROM knowledge_articles WHERE kind = 'resolution'"):
            article = await knowledge.find_article(conn, row["source"])
            assert article is not None
            await knowledge.publish_revision(conn, article.revision_id)


async def test_what_a_person_told_one_customer_and_published_answers_the_next_with_nothing_of_the_first(
    knowledge_pool: DbPool, knowledge_url: str, embedder: Embedder, kept_settings: Settings
) -> None:
    desk = Desk(knowledge_pool, kept_settings)
    async with aclosing(await build_agent(kept_settings, knowledge_pool, Embedders(embedder))) as agent:
        desk.agent.think = agent.run_turn
        await submit(desk, PROBLEM, ALICE, REF)
        assert await desk.read_status() == "escalated"
        await answer_as_person(desk, f"Hi Alice,\n\n{SOLUTION}\n\nBest regards,\nSam")
        await desk.reply("Thanks, that worked!")
        await desk.work()
        async with desk.pool.acquire() as conn, conn.transaction():
            await feedback.rate_ticket(conn, REF, rating=5, is_resolved=True)
        await learn(desk, knowledge_url, embedder)
        await publish_learned(desk)
        await submit(desk, SAME_PROBLEM, BOB, OTHER_REF)
    (told,) = await desk.fetch(
        "SELECT m.text, m.citations, t.status FROM tickets t JOIN messages m ON m.conversation_id = t.conversation_id"
        " WHERE t.ref = $1 AND m.author <> 'customer'",
        OTHER_REF,
    )
    assert told["status"] == "auto_resolved"
    assert SOLUTION in told["text"]
    (citation,) = json.loads(told["citations"])
    cited = await desk.fetch_value(
        "SELECT a.kind FROM knowledge_base k JOIN knowledge_revisions r ON r.id = k.revision_id"
        " JOIN knowledge_articles a ON a.id = r.article_id WHERE k.id = $1::uuid",
        citation["passage_id"],
    )
    assert cited == "resolution"
    for personal in PERSONAL:
        assert personal not in told["text"] + told["citations"]
    kept = await desk.fetch("SELECT title, content FROM knowledge_base WHERE content = $1", SOLUTION)
    for personal in PERSONAL:
        assert personal not in "".join(row["title"] + row["content"] for row in kept)


async def test_an_automatic_answer_is_learned_once_it_is_confirmed_and_not_before(
    knowledge_pool: DbPool, knowledge_url: str, embedder: Embedder, kept_settings: Settings
) -> None:
    desk = Desk(knowledge_pool, kept_settings)
    async with aclosing(await build_agent(kept_settings, knowledge_pool, Embedders(embedder))) as agent:
        desk.agent.think = agent.run_turn
        await submit(desk, ANSWERABLE, ALICE, REF)
        assert await desk.read_status() == "auto_resolved"
        await learn(desk, knowledge_url, embedder)
        assert await desk.count("learned_tickets") == 0
        await desk.reply("Thanks, that worked!")
        await desk.work()
        await learn(desk, knowledge_url, embedder)
    (row,) = await desk.fetch("SELECT l.outcome, t.status FROM learned_tickets l JOIN tickets t ON t.id = l.ticket_id")
    assert tuple(row) == ("learned", "auto_resolved")
    rests_on = await desk.fetch_value(
        "SELECT o.source FROM knowledge_articles a JOIN knowledge_articles o ON o.id = a.rests_on"
    )
    assert "invite" in rests_on


async def test_a_confirmed_answer_that_failed_later_is_not_learned(
    knowledge_pool: DbPool, knowledge_url: str, embedder: Embedder, kept_settings: Settings
) -> None:
    desk = Desk(knowledge_pool, kept_settings)
    async with aclosing(await build_agent(kept_settings, knowledge_pool, Embedders(embedder))) as agent:
        desk.agent.think = agent.run_turn
        await submit(desk, ANSWERABLE, ALICE, REF)
        await desk.reply("Thanks, that worked!")
        await desk.work()
        async with desk.pool.acquire() as conn, conn.transaction():
            await feedback.rate_ticket(conn, REF, rating=1, is_resolved=False)
        await desk.execute("UPDATE tickets SET status = 'closed'")
        await learn(desk, knowledge_url, embedder)
    assert await desk.fetch_value("SELECT outcome FROM learned_tickets") == "not_proven"


@pytest.mark.parametrize(
    ("text", "outcome"), [("And does it have to be near?", "drafted"), ("Sorry, that did not work.", "withdrawn")]
)
async def test_what_was_learned_is_withdrawn_when_its_customer_says_that_it_failed(
    desk: Desk, database_url: str, text: str, outcome: str
) -> None:
    desk.agent.think = think_a_handover
    await desk.submit(NAMELESS_PROBLEM)
    await desk.work()
    await desk.execute("UPDATE tickets SET route = 'technical'")
    await answer_as_person(desk, SOLUTION)
    async with desk.pool.acquire() as conn, conn.transaction():
        await feedback.rate_ticket(conn, REF, rating=5, is_resolved=True)
    await learn(desk, database_url, WordEmbedder())
    await publish_learned(desk)
    search = KnowledgeSearch(desk.pool, AsyncEmbedder(WordEmbedder()))
    assert [found.kind for found in await search.search(NAMELESS_PROBLEM)] == ["resolution"]
    await desk.reply(text)
    await desk.work()
    assert bool(await search.search(NAMELESS_PROBLEM)) == (outcome == "drafted")
    assert await desk.fetch_value("SELECT outcome FROM learned_tickets") == outcome


async def test_an_agent_that_a_person_overtook_says_that_it_would_have_answered(desk: Desk) -> None:
    async def be_overtaken(turn: Turn) -> TurnResult:
        async with desk.pool.acquire() as conn, conn.transaction():
            await feedback.take_over(conn, REF)
        return await think_an_answer(turn)

    desk.agent.think = be_overtaken
    await desk.submit()
    await desk.work()
    (label,) = await desk.fetch(
        "SELECT r.outcome, l.kind, l.is_right, l.given_by FROM run_labels l JOIN agent_runs r ON r.id = l.run_id"
    )
    assert tuple(label) == ("person_owns", "taken_over", None, "person")
    assert [author for author, _ in await desk.list_messages()] == ["customer"]


async def test_a_customer_who_writes_again_after_the_end_is_answered_by_the_agent(desk: Desk) -> None:
    await desk.submit()
    await desk.work()
    async with desk.pool.acquire() as conn, conn.transaction():
        await feedback.take_over(conn, REF)
    async with desk.pool.acquire() as conn, conn.transaction():
        await feedback.rate_ticket(conn, REF, rating=4, is_resolved=True)
    await desk.reply("And how do I import?")
    await desk.work()
    assert (await desk.list_messages())[-1][0] == "assistant"
    assert await desk.read_status() == "auto_resolved"
