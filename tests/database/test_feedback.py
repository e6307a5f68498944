"""What customers and people say of answers: of which turn, what it says of it, and whose the ticket then is."""

from typing import Any

import pytest
from asyncpg import CheckViolationError

from core.ids import new_id
from database.pool import DbConnection
from database.queries import conversations, feedback, learning, tickets
from database.queries.runs import add_run
from database.types import Author, ConversationId, MessageId, Outcome, RunId
from tests.database.builders import make_run, open_conversation

REF = "TF-20261121-0001"
DRAFT = "Open the task, choose Move in its menu, and pick the other board. [1]"
KEPT = "Hi Alice,\n\nOpen the task, choose Move in its menu and pick the other board.\n\nBest regards,\nSam"
REWRITTEN = "Boards cannot be left on your plan, sorry."


async def run_agent(
    conn: DbConnection,
    conversation_id: ConversationId,
    outcome: Outcome,
    *,
    draft: str | None = DRAFT,
    rule: str = "low_confidence",
    confidence: float = 0.7,
) -> RunId:
    """As if the agent had thought about this conversation; the newest of all its turns."""
    run_id = RunId(new_id())
    is_answer = outcome in {"answered", "person_owns"}
    decision = {
        "action": "answer" if is_answer else "hand_over",
        "rule": "grounded_answer" if is_answer else rule,
        "confidence": confidence,
        "intent": {"label": "move_task", "trust": 0.8},
    }
    left = None if draft is None else (draft, ["move.md"])
    run = make_run(conversation_id, id=run_id, outcome=outcome, decision=decision, draft=left)
    await add_run(conn, run)
    # In one transaction every now() is the same.
    await conn.execute("UPDATE agent_runs SET created_at = clock_timestamp() WHERE id = $1", run_id)
    if outcome == "answered":
        await say(conn, conversation_id, "assistant", DRAFT)
        await tickets.resolve_automatically(conn, conversation_id, confidence=confidence)
    if outcome == "escalated":
        await hand_over(conn, conversation_id)
    return run_id


async def hand_over(conn: DbConnection, conversation_id: ConversationId) -> None:
    await tickets.escalate_ticket(
        conn, conversation_id, route="technical", reason="unsure", summary="s", draft=DRAFT, confidence=0.7
    )
    await conn.execute("UPDATE conversations SET owner = 'person'")


async def say(conn: DbConnection, conversation_id: ConversationId, author: Author, text: str) -> None:
    await conversations.add_message(conn, MessageId(new_id()), conversation_id, author, text)


async def read_labels(conn: DbConnection) -> list[tuple[Any, ...]]:
    rows = await conn.fetch("SELECT run_id, kind, value, is_right, given_by FROM run_labels ORDER BY kind")
    return [tuple(row) for row in rows]


async def read_ticket(conn: DbConnection) -> tuple[str, str | None, str]:
    row = await conn.fetchrow(
        "SELECT t.status, t.team, v.owner FROM tickets t JOIN conversations v ON v.id = t.conversation_id"
    )
    assert row is not None
    return row["status"], row["team"], row["owner"]


@pytest.mark.parametrize(
    ("rating", "is_resolved", "is_right", "ticket"),
    [
        (5, True, True, ("closed", None, "agent")),
        (3, True, True, ("closed", None, "agent")),
        (2, True, False, ("closed", None, "agent")),
        (5, False, False, ("escalated", "Support queue", "person")),
        (1, False, False, ("escalated", "Support queue", "person")),
    ],
)
async def test_a_rating_says_whether_the_answer_was_right_and_closes_the_ticket_or_gets_a_person(
    conn: DbConnection, rating: int, is_resolved: bool, is_right: bool, ticket: tuple[str, str | None, str]
) -> None:
    run_id = await run_agent(conn, await open_conversation(conn), "answered")
    assert await feedback.rate_ticket(conn, REF, rating=rating, is_resolved=is_resolved, comment="So it is.")
    assert await read_labels(conn) == [(run_id, "rating", str(rating), is_right, "customer")]
    assert await read_ticket(conn) == ticket
    (stored,) = await conn.fetch("SELECT rating, is_resolved, comment FROM ticket_feedback")
    assert tuple(stored) == (rating, is_resolved, "So it is.")


async def test_the_latest_rating_counts_and_all_are_kept(conn: DbConnection) -> None:
    run_id = await run_agent(conn, await open_conversation(conn), "answered")
    for rating, is_resolved in ((1, False), (5, True)):
        await feedback.rate_ticket(conn, REF, rating=rating, is_resolved=is_resolved)
    assert await read_labels(conn) == [(run_id, "rating", "5", True, "customer")]
    assert await conn.fetchval("SELECT count(*) FROM ticket_feedback") == 2


@pytest.mark.parametrize("rating", [0, 6])
async def test_no_other_rating_is_stored(conn: DbConnection, rating: int) -> None:
    await open_conversation(conn)
    with pytest.raises(CheckViolationError):
        await feedback.rate_ticket(conn, REF, rating=rating, is_resolved=True)


async def test_a_rating_of_a_persons_answer_says_nothing_of_the_agents(conn: DbConnection) -> None:
    conversation_id = await open_conversation(conn)
    await run_agent(conn, conversation_id, "answered")
    await say(conn, conversation_id, "person", REWRITTEN)
    await feedback.rate_ticket(conn, REF, rating=5, is_resolved=True)
    assert await read_labels(conn) == []
    assert await conn.fetchval("SELECT count(*) FROM ticket_feedback") == 1


async def test_a_rating_of_a_handover_says_nothing_of_an_earlier_answer(conn: DbConnection) -> None:
    conversation_id = await open_conversation(conn)
    await run_agent(conn, conversation_id, "answered")
    await run_agent(conn, conversation_id, "escalated")
    await feedback.rate_ticket(conn, REF, rating=5, is_resolved=True)
    assert await read_labels(conn) == []
    assert await read_ticket(conn) == ("closed", "Technical support", "agent")


@pytest.mark.parametrize(
    ("text", "value"), [(KEPT, "0.00"), (f"{DRAFT} And please reload the page before you do.", "0.24")]
)
async def test_a_draft_that_a_person_kept_was_right(conn: DbConnection, text: str, value: str) -> None:
    conversation_id = await open_conversation(conn)
    run_id = await run_agent(conn, conversation_id, "escalated")
    assert await feedback.note_answer(conn, REF, text)
    assert await read_labels(conn) == [(run_id, "edited", value, True, "person")]
    assert await read_ticket(conn) == ("escalated", "Technical support", "person")


async def test_a_draft_that_a_person_wrote_anew_was_wrong_and_only_their_first_answer_tells(
    conn: DbConnection,
) -> None:
    conversation_id = await open_conversation(conn)
    run_id = await run_agent(conn, conversation_id, "escalated")
    for text in (REWRITTEN, KEPT):
        await feedback.note_answer(conn, REF, text)
        await say(conn, conversation_id, "person", text)
    ((labelled, kind, value, is_right, given_by),) = await read_labels(conn)
    assert (labelled, kind, is_right, given_by) == (run_id, "edited", False, "person")
    assert float(value) > 0.6


@pytest.mark.parametrize(
    ("distance", "expected"), [(0.0, True), (0.25, True), (0.26, None), (0.59, None), (0.6, False), (1.0, False)]
)
def test_what_lies_between_a_touch_and_a_rewriting_tells_nothing(distance: float, expected: bool | None) -> None:
    assert feedback.judge_edit(distance) is expected


async def test_an_answer_where_there_was_no_draft_leaves_no_label(conn: DbConnection) -> None:
    await run_agent(conn, await open_conversation(conn), "escalated", draft=None)
    await feedback.note_answer(conn, REF, KEPT)
    assert await read_labels(conn) == []


async def test_who_steps_in_behind_an_automatic_answer_says_that_it_was_wrong(conn: DbConnection) -> None:
    run_id = await run_agent(conn, await open_conversation(conn), "answered")
    assert await feedback.take_over(conn, REF)
    assert await read_labels(conn) == [(run_id, "taken_over", "", False, "person")]
    assert await read_ticket(conn) == ("escalated", "Support queue", "person")


async def test_who_steps_in_behind_an_answer_that_its_customer_confirmed_does_not(conn: DbConnection) -> None:
    conversation_id = await open_conversation(conn)
    run_id = await run_agent(conn, conversation_id, "answered")
    await feedback.label_answer(conn, conversation_id, "confirmed", is_right=True)
    await feedback.note_answer(conn, REF, KEPT)
    assert await read_labels(conn) == [(run_id, "confirmed", "", True, "customer")]
    assert (await read_ticket(conn))[2] == "person"


async def test_a_draft_that_came_too_late_is_held_against_what_the_person_wrote(conn: DbConnection) -> None:
    conversation_id = await open_conversation(conn)
    run_id = await run_agent(conn, conversation_id, "person_owns")
    await feedback.label_overtaken(conn, run_id)
    await feedback.note_answer(conn, REF, KEPT)
    assert await read_labels(conn) == [
        (run_id, "edited", "0.00", True, "person"),
        (run_id, "taken_over", "", None, "person"),
    ]


async def test_what_says_nothing_of_an_answer_takes_nothing_back(conn: DbConnection) -> None:
    conversation_id = await open_conversation(conn)
    await run_agent(conn, conversation_id, "answered")
    for is_right in (False, None):
        await feedback.label_answer(conn, conversation_id, "reopened", is_right=is_right)
    assert [label[3] for label in await read_labels(conn)] == [False]


async def test_a_person_corrects_what_a_ticket_is_about_and_whose_it_is(conn: DbConnection) -> None:
    conversation_id = await open_conversation(conn)
    await tickets.note_intent(conn, conversation_id, "invoice", trust=0.9)
    run_id = await run_agent(conn, conversation_id, "escalated")
    assert await feedback.correct_ticket(conn, REF, intent="refund", category="billing", route="billing")
    (row,) = await conn.fetch("SELECT intent, intent_trust, intent_by, category, route, team FROM tickets")
    assert tuple(row) == ("refund", None, "person", "billing", "billing", "Billing team")
    assert await read_labels(conn) == [
        (run_id, "category", "billing", None, "person"),
        (run_id, "intent", "refund", None, "person"),
        (run_id, "team", "Billing team", None, "person"),
    ]
    await tickets.categorise_ticket(conn, conversation_id, subject="New", category="account", priority="low")
    (row,) = await conn.fetch("SELECT subject, category, priority FROM tickets")
    assert tuple(row) == ("New", "billing", "low")


async def test_a_category_that_a_person_gave_before_any_turn_stays(conn: DbConnection) -> None:
    conversation_id = await open_conversation(conn)
    await tickets.categorise_ticket(conn, conversation_id, subject="s", category="account", priority="low")
    assert tuple(await conn.fetchrow("SELECT category, category_by FROM tickets") or ()) == ("account", "model")
    await feedback.correct_ticket(conn, REF, category="billing")
    await tickets.categorise_ticket(conn, conversation_id, subject="s", category="technical", priority="low")
    assert tuple(await conn.fetchrow("SELECT category, category_by FROM tickets") or ()) == ("billing", "person")


async def test_after_a_rating_that_settles_the_matter_the_agent_may_answer_as_often_again(conn: DbConnection) -> None:
    conversation_id = await open_conversation(conn)
    await run_agent(conn, conversation_id, "answered")
    await conn.execute("UPDATE conversations SET automatic_replies = 4")
    await feedback.rate_ticket(conn, REF, rating=5, is_resolved=True)
    assert await conn.fetchval("SELECT automatic_replies FROM conversations") == 0


async def test_a_correction_of_one_thing_leaves_the_others(conn: DbConnection) -> None:
    conversation_id = await open_conversation(conn)
    await tickets.note_intent(conn, conversation_id, "invoice", trust=0.5)
    await run_agent(conn, conversation_id, "escalated")
    await feedback.correct_ticket(conn, REF, route="legal")
    (row,) = await conn.fetch("SELECT intent, intent_trust, intent_by, category, team FROM tickets")
    assert tuple(row) == ("invoice", 0.5, "model", "general", "Legal team")
    with pytest.raises(feedback.UnknownRoute, match="there is no escalation route kitchen"):
        await feedback.correct_ticket(conn, REF, route="kitchen")


async def test_a_ticket_that_does_not_exist_is_said_to_be_none(conn: DbConnection) -> None:
    assert not await feedback.rate_ticket(conn, "TF-0", rating=5, is_resolved=True)
    assert not await feedback.take_over(conn, "TF-0")
    assert not await feedback.note_answer(conn, "TF-0", KEPT)
    assert not await feedback.correct_ticket(conn, "TF-0", intent="refund")


@pytest.mark.parametrize(
    ("outcome", "rule", "counts"),
    [
        ("answered", "", True),
        ("person_owns", "", True),
        ("escalated", "low_confidence", True),
        ("escalated", "billing_dispute", False),
    ],
)
async def test_thresholds_are_fitted_on_answers_and_on_drafts_that_lacked_confidence_alone(
    conn: DbConnection, outcome: Outcome, rule: str, counts: bool
) -> None:
    conversation_id = await open_conversation(conn)
    await run_agent(conn, conversation_id, outcome, rule=rule, confidence=0.71)
    if outcome == "answered":
        await feedback.rate_ticket(conn, REF, rating=4, is_resolved=True)
    await feedback.note_answer(conn, REF, KEPT)
    found = [(one.intent, one.channel, one.confidence, one.is_right) for one in await learning.list_labelled(conn)]
    assert found == ([("move_task", "web", 0.71, True)] if counts else [])


async def test_one_word_against_an_answer_outweighs_others_and_silence_is_no_word(conn: DbConnection) -> None:
    conversation_id = await open_conversation(conn)
    await run_agent(conn, conversation_id, "answered")
    await feedback.label_answer(conn, conversation_id, "reopened", is_right=None)
    assert await learning.list_labelled(conn) == []
    await feedback.rate_ticket(conn, REF, rating=5, is_resolved=True)
    assert [one.is_right for one in await learning.list_labelled(conn)] == [True]
    await feedback.label_answer(conn, conversation_id, "reopened", is_right=False)
    assert [one.is_right for one in await learning.list_labelled(conn)] == [False]


async def test_a_ticket_whose_draft_was_kept_is_an_example_of_its_intent(conn: DbConnection) -> None:
    conversation_id = await open_conversation(conn)
    await tickets.note_intent(conn, conversation_id, "move_task", trust=0.8)
    await run_agent(conn, conversation_id, "escalated")
    assert await learning.list_examples(conn, least_trust=0.5) == []
    await feedback.note_answer(conn, REF, KEPT)
    assert [found.intent for found in await learning.list_examples(conn, least_trust=0.5)] == ["move_task"]
