"""A turn with the offline brain, through the real SDK loop and the real tools."""

import json

from agent.decision.policy import PolicyMatch
from core.ids import new_id
from database.types import EARLIER_ANSWER, IdentityLevel
from tests.agent.builders import make_agent, make_passage, make_turn

DISPUTE = PolicyMatch("billing_dispute", "billing", "always", "charged me twice")


async def test_a_clear_question_is_answered_from_the_passage_with_its_citation() -> None:
    passage = make_passage("Select Forgot password on the sign-in page.\n\n1. Open the email.\n2. Choose a password.")
    result = await make_agent(passages=[passage]).run_turn(make_turn())
    assert result.decision.action == "answer"
    assert result.draft is not None
    assert result.draft.text == f"{passage.content} [1]"
    assert [citation.passage_id for citation in result.draft.citations] == [passage.id]
    assert result.brain.name == "offline"


async def test_a_summary_is_followed_by_the_details_of_its_article() -> None:
    summary = make_passage("Use the emailed link within 60 minutes.", heading="")
    other = make_passage("Something else entirely.", title="Sessions")
    details = make_passage("1. Open the page.\n2. Send the link.", article_id=summary.article_id)
    result = await make_agent(passages=[summary, other, details]).run_turn(make_turn())
    assert result.draft is not None
    assert result.draft.text == f"{summary.content} [1]\n\n{details.content} [3]"
    assert [citation.number for citation in result.draft.citations] == [1, 3]


async def test_an_earlier_answer_is_cited_without_the_ticket_that_it_was_given_on() -> None:
    ticket_id = str(new_id())
    passage = make_passage(
        title="How can I, Bob, reset my forgotten password?", kind="resolution", source=f"resolution/{ticket_id}"
    )
    result = await make_agent(passages=[passage]).run_turn(make_turn())
    assert result.decision.action == "answer"
    assert result.draft is not None
    [citation] = result.draft.citations
    assert (citation.source, citation.title) == (EARLIER_ANSWER, "Login")
    assert ticket_id not in citation.model_dump_json()
    assert "Bob" not in citation.model_dump_json()
    assert not any("Bob" in call.output for call in result.calls), "nor does a model read what another customer asked"


async def test_the_loop_calls_its_tools_in_two_steps_and_each_call_is_recorded() -> None:
    result = await make_agent().run_turn(make_turn())
    assert {call.tool for call in result.calls[:-2]} == {"analyze_sentiment", "search_knowledge_base"}
    assert {call.tool for call in result.calls[-2:]} == {"create_ticket", "send_response"}
    assert all(call.milliseconds >= 0 and json.loads(call.arguments) is not None for call in result.calls)


async def test_without_any_passage_a_person_gets_the_conversation_with_reason_and_summary() -> None:
    result = await make_agent(passages=[]).run_turn(make_turn("What is the weather on Mars?", subject="Mars"))
    assert result.decision.action == "hand_over"
    assert result.decision.rule == "no_knowledge"
    assert result.decision.route == "general"
    assert result.draft is None
    assert "What is the weather on Mars?" in result.summary


async def test_a_passage_that_does_not_fit_is_not_used_as_an_answer() -> None:
    passage = make_passage("Boards have columns.", title="Boards", heading="Columns", similarity=0.1, lexical=0.1)
    result = await make_agent(passages=[passage]).run_turn(make_turn("Where do penguins sleep?", subject="Penguins"))
    assert result.decision.rule == "low_confidence"
    assert result.decision.confidence < 0.75


async def test_a_mandatory_rule_hands_over_even_when_the_knowledge_is_perfect() -> None:
    result = await make_agent(policy=(DISPUTE,)).run_turn(make_turn())
    assert (result.decision.action, result.decision.route) == ("hand_over", "billing")
    assert result.decision.rule == "billing_dispute"
    assert result.description["policy"][0]["evidence"] == "charged me twice"


async def test_a_burst_is_read_as_one_question() -> None:
    searched: list[str] = []
    agent = make_agent(searched=searched)
    await agent.run_turn(make_turn("Hello", "I forgot my password", "how do I reset it?", subject="Help please"))
    assert searched == ["Hello\nI forgot my password\nhow do I reset it?"]


async def test_a_subject_that_says_something_is_searched_for_as_well() -> None:
    searched: list[str] = []
    await make_agent(searched=searched).run_turn(make_turn("It does not arrive.", subject="Push notifications"))
    assert searched == ["It does not arrive.", "Push notifications\nIt does not arrive."]


async def test_history_is_asked_for_only_when_the_identity_is_proven() -> None:
    earlier = [{"ref": "TF-20260101-0001", "subject": "secret"}]
    expectations: dict[IdentityLevel, int] = {"self_reported": 0, "channel_asserted": 0, "proven": 1}
    for level, expected in expectations.items():
        result = await make_agent(history=earlier).run_turn(make_turn(identity_level=level))
        calls = [call for call in result.calls if call.tool == "get_customer_history"]
        assert len(calls) == expected


async def test_on_whatsapp_the_draft_leaves_room_for_source_and_reference() -> None:
    passage = make_passage("You can reset it from the sign-in page. " * 20)
    result = await make_agent(passages=[passage]).run_turn(make_turn(channel="whatsapp"))
    assert result.draft is not None
    assert len(result.draft.text) <= 210


async def test_after_too_many_automatic_replies_a_person_takes_over() -> None:
    result = await make_agent().run_turn(make_turn(automatic_replies=4))
    assert result.decision.rule == "too_many_replies"
