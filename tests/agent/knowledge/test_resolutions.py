"""Learning from closed tickets: only what helped, nothing personal, a person's answer as a draft."""

from datetime import timedelta
from uuid import UUID

import pytest

from agent.knowledge.embed import AsyncEmbedder
from agent.knowledge.embedder import Embedders
from agent.knowledge.redact import list_doubtful_words, redact, reports_deed, tells_of_one_case
from agent.knowledge.resolutions import learn_resolution, learn_resolutions
from agent.knowledge.search import KnowledgeSearch
from core.ids import new_id
from core.letters import strip_letter
from database.pool import DbPool
from database.queries import conversations, feedback, knowledge
from database.queries.knowledge import Shelf
from database.types import Author, MessageId
from tests.agent.knowledge.desk import WordEmbedder, make_document, store
from tests.database.builders import open_conversation

QUESTION = "Hi,\nmy name is Alice Abbott, how can I move a task to another board? Order 4711-22 by alice@example.com"
PLAIN = "Open the task, choose Move in its menu, and pick the other board."
ANSWER = f"Hi Alice,\n\n{PLAIN}\n\nBest regards,\nSam\n+49 30 1234567"


async def close_ticket(
    pool: DbPool,
    *said: tuple[Author, str],
    ref: str = "TF-20261121-0001",
    status: str = "closed",
    sentiment: float = 0.2,
    route: str | None = "technical",
    category: str = "general",
) -> UUID:
    """A ticket in which this was said; closed two days ago."""
    async with pool.acquire() as conn, conn.transaction():
        conversation_id = await open_conversation(conn, ref)
        await conn.execute("DELETE FROM messages WHERE conversation_id = $1", conversation_id)
        start = await conn.fetchval("SELECT now() - interval '3 days'")
        for minute, (author, text) in enumerate(said):
            created_at = start + timedelta(minutes=minute)
            await conversations.add_message(
                conn, MessageId(new_id()), conversation_id, author, text, created_at=created_at
            )
        await conn.execute("UPDATE conversations SET sentiment = $2 WHERE id = $1", conversation_id, sentiment)
        ticket_id: UUID = await conn.fetchval(
            "UPDATE tickets SET status = $2, route = $3, category = $4, updated_at = now() - interval '2 days', "
            "handover_reason = 'asked' WHERE conversation_id = $1 RETURNING id",
            conversation_id,
            status,
            route,
            category,
        )
    return ticket_id


async def publish_learned(pool: DbPool) -> None:
    """A person has read every draft, and lets the agent read it."""
    async with pool.acquire() as conn, conn.transaction():
        for row in await conn.fetch("SELECT source FROM knowledge_articles WHERE kind = 'resolution'"):
            article = await knowledge.find_article(conn, row["source"])
            assert article is not None
            await knowledge.publish_revision(conn, article.revision_id)


@pytest.fixture(autouse=True)
async def words(pool: DbPool) -> None:
    """An article with the words that the answers here may have: a capital elsewhere would be somebody's name."""
    await store(pool, "words.md", make_document("Words", "The menu has Move."))


async def learn(pool: DbPool, ticket_id: UUID) -> str:
    return await learn_resolution(pool, Embedders(WordEmbedder()), ticket_id)


async def test_a_persons_answer_is_found_once_it_is_published_without_what_was_personal(pool: DbPool) -> None:
    ticket_id = await close_ticket(pool, ("customer", QUESTION), ("person", ANSWER))
    assert await learn(pool, ticket_id) == "drafted"
    search = KnowledgeSearch(pool, AsyncEmbedder(WordEmbedder()))
    assert [found.kind for found in await search.search("How can I move a task to another board?")] == ["article"]
    await publish_learned(pool)
    found, *_ = await search.search("How can I move a task to another board?")
    assert (found.kind, found.content, found.language) == ("resolution", PLAIN, "en")
    assert found.public_title == "General", "the question is another customer's words"
    assert "move a task" in found.title
    for personal in ("Alice", "Abbott", "alice@", "4711"):
        assert personal not in found.title + found.content + found.source
    others = await search.search("move a task", shelf=Shelf(without_ticket=ticket_id))
    assert [passage.kind for passage in others] == ["article"]


async def test_a_known_resolution_goes_before_an_article_that_fits_as_well(pool: DbPool) -> None:
    local = WordEmbedder()
    question = "How can I move a task to another board?"
    await store(pool, "move.md", make_document(question, PLAIN), local)
    await learn(pool, await close_ticket(pool, ("customer", question), ("person", PLAIN)))
    await publish_learned(pool)
    first, second, *_ = await KnowledgeSearch(pool, AsyncEmbedder(local)).search(question)
    assert (first.kind, second.kind) == ("resolution", "article")
    assert first.score == pytest.approx(second.score + 0.05)


@pytest.mark.parametrize(
    ("said", "values", "expected"),
    [
        ([("customer", QUESTION), ("person", ANSWER)], {"status": "auto_resolved"}, "not_proven"),
        ([("customer", QUESTION), ("person", ANSWER)], {"status": "open"}, "not_proven"),
        ([("customer", QUESTION), ("person", ANSWER), ("customer", "It does not work")], {}, "not_proven"),
        ([("customer", QUESTION), ("person", ANSWER), ("customer", "Thanks, and how do I undo?")], {}, "not_proven"),
        ([("customer", QUESTION), ("person", "Which one?"), ("person", ANSWER)], {}, "not_proven"),
        ([("customer", QUESTION)], {}, "not_proven"),
        ([("customer", QUESTION), ("person", ANSWER)], {"sentiment": -0.6}, "unhappy"),
        ([("customer", QUESTION), ("person", ANSWER)], {"route": "legal"}, "sensitive"),
        ([("customer", QUESTION), ("person", ANSWER)], {"route": None, "category": "billing"}, "sensitive"),
        ([("customer", QUESTION), ("person", f"{PLAIN} Ask your neighbour Schmidt.")], {}, "personal"),
        ([("customer", QUESTION), ("person", f"{PLAIN} I have set it for you.")], {}, "personal"),
        ([("customer", QUESTION), ("person", f"{PLAIN} The card ends in 4242.")], {}, "personal"),
        ([("customer", "How can I move the tasks of Zoe Quinn away?"), ("person", ANSWER)], {}, "personal"),
        ([("customer", "How can I move 300 euros to you?"), ("person", ANSWER)], {}, "personal"),
        ([("customer", QUESTION), ("person", f"{PLAIN} I have written to bob@example.com.")], {}, "personal"),
        ([("customer", QUESTION), ("person", f"{PLAIN} Your order 88213-A has left.")], {}, "personal"),
        ([("customer", QUESTION), ("person", "Hi Alice,\n\nDone.\n\nBest regards,\nSam")], {}, "too_short"),
        ([("customer", "Hi"), ("person", ANSWER)], {}, "too_short"),
    ],
)
async def test_what_is_not_proven_happy_general_or_long_enough_is_not_learned(
    pool: DbPool, said: list[tuple[Author, str]], values: dict[str, object], expected: str
) -> None:
    ticket_id = await close_ticket(pool, *said, **values)  # type: ignore[arg-type]
    assert await learn(pool, ticket_id) == expected
    async with pool.acquire() as conn:
        assert await conn.fetchval("SELECT count(*) FROM knowledge_articles WHERE kind = 'resolution'") == 0
        assert await conn.fetchval("SELECT outcome FROM learned_tickets") == expected


async def test_thanks_behind_an_answer_are_no_objection_and_no_part_of_the_question(pool: DbPool) -> None:
    said: list[tuple[Author, str]] = [("customer", QUESTION), ("person", ANSWER), ("customer", "Thanks, that worked!")]
    assert await learn(pool, await close_ticket(pool, *said)) == "drafted"
    async with pool.acquire() as conn:
        title: str = await conn.fetchval("SELECT title FROM knowledge_revisions ORDER BY id DESC LIMIT 1")
    assert "move a task" in title
    assert "Thanks" not in title


async def test_the_same_question_is_learned_once(pool: DbPool) -> None:
    first = await close_ticket(pool, ("customer", QUESTION), ("person", ANSWER))
    second = await close_ticket(pool, ("customer", QUESTION), ("person", ANSWER), ref="TF-20261121-0002")
    assert await learn(pool, first) == "drafted"
    await publish_learned(pool)
    assert await learn(pool, second) == "known"


@pytest.mark.parametrize("is_published", [True, False])
@pytest.mark.parametrize(
    ("rating", "is_resolved", "is_kept"), [(3, True, True), (2, True, False), (5, False, False), (1, False, False)]
)
async def test_what_did_not_settle_the_matter_after_all_is_told_to_nobody_else(
    pool: DbPool, rating: int, is_resolved: bool, is_kept: bool, is_published: bool
) -> None:
    await learn(pool, await close_ticket(pool, ("customer", QUESTION), ("person", ANSWER)))
    if is_published:
        await publish_learned(pool)
    async with pool.acquire() as conn, conn.transaction():
        await feedback.rate_ticket(conn, "TF-20261121-0001", rating=rating, is_resolved=is_resolved)
    if not is_published:
        await publish_learned(pool)  # what was called wrong is no draft any more
    found = await KnowledgeSearch(pool, AsyncEmbedder(WordEmbedder())).search("How can I move a task?")
    assert ("resolution" in {passage.kind for passage in found}) == is_kept


@pytest.mark.parametrize(("ratings", "expected"), [((1,), "unhappy"), ((1, 4), "drafted"), ((4, 2), "unhappy")])
async def test_an_answer_is_judged_by_its_customers_latest_rating(
    pool: DbPool, ratings: tuple[int, ...], expected: str
) -> None:
    ticket_id = await close_ticket(pool, ("customer", QUESTION), ("person", ANSWER))
    for rating in ratings:
        async with pool.acquire() as conn, conn.transaction():
            await feedback.rate_ticket(conn, "TF-20261121-0001", rating=rating, is_resolved=True)
    assert await learn(pool, ticket_id) == expected


async def test_closed_tickets_are_picked_up_once_after_their_quiet_time(pool: DbPool) -> None:
    embedders = Embedders(WordEmbedder())
    await close_ticket(pool, ("customer", QUESTION), ("person", ANSWER))
    await close_ticket(pool, ("customer", QUESTION), ref="TF-20261121-0002")
    assert await learn_resolutions(pool, embedders, quiet_hours=72) == 0
    assert await learn_resolutions(pool, embedders, quiet_hours=24) == 1
    assert await learn_resolutions(pool, embedders, quiet_hours=24) == 0
    async with pool.acquire() as conn:
        assert await conn.fetchval("SELECT count(*) FROM learned_tickets") == 2


async def test_a_resolution_goes_with_its_ticket(pool: DbPool) -> None:
    await learn(pool, await close_ticket(pool, ("customer", QUESTION), ("person", ANSWER)))
    async with pool.acquire() as conn:
        await conn.execute("DELETE FROM tickets")
        await conn.execute("DELETE FROM knowledge_articles WHERE source = 'words.md'")
        for table in ("articles", "revisions", "base", "terms", "texts"):
            assert await conn.fetchval(f"SELECT count(*) FROM knowledge_{table}") == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Write to anna.b+x@mail.example.co.uk today", "Write to [address] today"),
        ("Call +49 (30) 123-4567 or 0170/1234567", "Call [number] or [number]"),
        ("My card is 4111 1111 1111 1111", "My card is [card]"),
        ("Pay to DE89 3704 0044 0532 0130 00 now", "Pay to [account] now"),
        ("Ticket TF-20261121-0042 and order #55123", "Ticket [reference] and [reference]"),
        ("Invoice no. 2026-0815 is wrong", "[reference] is wrong"),
        ("See https://x.example/reset?token=abc for it", "See [link] for it"),
        ("Session 0f8fad5b-d9cb-469f-a165-70867728950e", "Session [code]"),
        ("From 192.168.10.12 on", "From [address] on"),
        ("my name is Zoe Quinn and", "my name is [name] and"),
        ("Alice wrote, ALICE!", "[name] wrote, [name]!"),
    ],
)
def test_what_belongs_to_one_customer_is_taken_out(text: str, expected: str) -> None:
    assert redact(text, ["Alice Abbott"]) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Error HL-2310 means that a file is larger than 25 MB on Free or 500 MB on Pro.",
        "Open Settings → Billing → Invoices, then wait 30 minutes.",
        "Read https://help.example/boards for more. A guest pays 4.50 a month since 2024.",
        "In order to export, choose Export. Your account has two owners.",
        "will may mark april",
    ],
)
def test_what_belongs_to_everyone_stays(text: str) -> None:
    assert redact(text, ["Will May"]) == text


@pytest.mark.parametrize(
    "piece", ["ab-", "a", "A1", "a.", "a@", ".a", "https://", "order-", "1 ", "\n", "\nthank you  "]
)
def test_much_of_one_kind_is_redacted_soon(piece: str) -> None:
    """Of 200 kB a rule that looks again from each place would take minutes, and the test's time would be up."""
    text = f"order {piece * (200_000 // len(piece))}"
    assert redact(f"{strip_letter(text)} bob@example.com", ["Alice"]).endswith("[address]")


@pytest.mark.parametrize(
    "text",
    [
        "You get 49 euros back.",
        "It costs $12.",
        "It arrives on 3 March.",
        "It arrived on March 3rd.",
        "It left on 2026-11-20.",
        "It left yesterday.",
        "We sent it to Hauptstrasse 12.",
        "Come to 12 Long Baker Street.",
        "The card ends in 4242.",
        "The password is sunflower.",
    ],
)
def test_amounts_dates_streets_and_secrets_are_of_one_case(text: str) -> None:
    assert tells_of_one_case(text)


@pytest.mark.parametrize(
    "text",
    ["I have set the code.", "We've credited it.", "We just sent it.", "I am sending it.", "Your order was returned."],
)
def test_what_somebody_did_is_a_deed(text: str) -> None:
    assert reports_deed(text)


def test_what_is_said_to_everyone_is_neither_of_one_case_nor_a_deed() -> None:
    text = f"{PLAIN} We keep it for 30 days, and we need 2 minutes. Mark 3 tasks. I agree."
    assert not tells_of_one_case(text)
    assert not reports_deed(text)


def test_names_and_secrets_are_doubtful_wherever_they_stand() -> None:
    text = (
        "Anna asks Zoe, Ümit and “Max” O'Hara.\nI'm sure. HL-2310 is on kitten7 – Bob, not on 30, and żubr has 4711-22."
    )
    assert list_doubtful_words(text) == ["4711-22", "Bob", "HL-2310", "Max", "O'Hara", "Zoe", "kitten7", "Ümit"]
