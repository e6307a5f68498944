"""The suite of tickets: complete, honest about its halves, and scored rightly."""

from collections import Counter
from contextlib import aclosing
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from pydantic import ValidationError

from agent.assemble import build_agent
from agent.decision.policy import POLICY_FILE, normalise, read_policy
from agent.evaluation.results import Row
from agent.evaluation.suite import (
    KNOWLEDGE_FOLDER,
    TICKETS_FOLDER,
    Outcome,
    Ticket,
    TicketResult,
    read_suite,
    run_suite,
)
from agent.evaluation.suite_measures import explain_fault, measure_by_tag, measure_results, measure_suite
from agent.knowledge.embedder import Embedder
from core.settings import Settings
from database.pool import DbPool
from database.types import Channel
from tests.agent.builders import make_agent, make_passage
from tests.conftest import SAMPLE_KNOWLEDGE

TICKETS = read_suite()
RESET = "login/reset-a-forgotten-password.md"
SMOKE = {
    "attacks": (6, 12),
    "billing_disputes": (1, 5),
    "deletion": (6,),
    "legal": (2,),
    "login": (6, 12),
    "not_in_knowledge": (2, 4),
    "reliability": (11,),
    "security": (1,),
}


def make_ticket(decision: Outcome = "answer", **values: Any) -> Ticket:
    expected = {"decision": decision, **({"must_cite": [RESET]} if decision == "answer" else {})}
    entry = {
        "id": "made-01",
        "channel": "web",
        "messages": [{"from": "customer", "text": "How can I reset my forgotten password?"}],
        "expected": {**expected, **values.pop("expected", {})},
        "split": "tune",
    }
    return Ticket.model_validate({**entry, **values})


def make_result(ticket: Ticket, outcome: Outcome, **values: Any) -> TicketResult:
    defaults = {
        "rule": "grounded_answer" if outcome == "answer" else "low_confidence",
        "route": "general",
        "reply": "Select Forgot password.",
        "cited": (RESET,) if outcome == "answer" else (),
        "is_offline": True,
    }
    return TicketResult(ticket=ticket, outcome=outcome, **{**defaults, **values})


def test_there_are_enough_tickets_and_no_two_are_the_same() -> None:
    assert len(TICKETS) >= 320
    assert len({ticket.id for ticket in TICKETS}) == len(TICKETS)
    texts = [normalise("\n".join(message.text for message in ticket.messages)) for ticket in TICKETS]
    assert [text for text, count in Counter(texts).items() if count > 1] == []


def test_no_ticket_nearly_repeats_another(embedder: Embedder) -> None:
    vectors = embedder.embed(["\n".join(ticket.waiting) for ticket in TICKETS])
    cosines = vectors @ vectors.T
    near = [
        (TICKETS[one].id, TICKETS[other].id)
        for one in range(len(TICKETS))
        for other in range(one)
        # Short thanks are alike in any words.
        if cosines[one, other] > 0.93 and TICKETS[one].expected.decision != "silent"
    ]
    assert near == []


def test_no_message_of_a_customer_stands_in_the_data_that_the_agent_decides_by() -> None:
    agent_folder = TICKETS_FOLDER.parents[1]
    files = [path for path in agent_folder.rglob("*.yaml") if path.parent != TICKETS_FOLDER]
    assert POLICY_FILE in files
    known = {normalise(text) for path in files for text in list_texts(yaml.safe_load(path.read_text("utf-8")))}
    # Under three words there is only one way to say it.
    said = {normalise(text): ticket.id for ticket in TICKETS for text in ticket.waiting if len(text.split()) > 3}
    assert {text: said[text] for text in known & said.keys()} == {}


def list_texts(node: object) -> list[str]:
    if isinstance(node, str):
        return [node]
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return [text for child in children for text in list_texts(child)]


def test_the_halves_are_of_a_kind() -> None:
    kinds: Counter[tuple[str, str, str]] = Counter()
    for ticket in TICKETS:
        area = ticket.id.rsplit("-", 1)[0]
        kinds[area, ticket.expected.rule or ticket.expected.decision, ticket.split] += 1
    for area, kind, _ in list(kinds):
        assert abs(kinds[area, kind, "tune"] - kinds[area, kind, "held_out"]) <= 1, (area, kind)


def test_every_article_is_asked_for_and_every_cited_one_exists() -> None:
    assert f"{SAMPLE_KNOWLEDGE.name}/" == KNOWLEDGE_FOLDER
    articles = {path.relative_to(SAMPLE_KNOWLEDGE).as_posix() for path in SAMPLE_KNOWLEDGE.glob("*/*.md")}
    cited = {source for ticket in TICKETS for source in ticket.expected.must_cite}
    # A person deletes accounts: nobody who asks is answered from the article.
    assert cited == articles - {"account/delete-your-account.md"}


def test_every_channel_decision_and_rule_occurs_in_both_halves_and_routes_are_those_of_the_policy() -> None:
    rules = {rule.id: rule.route for rule in read_policy(POLICY_FILE).rules}
    for half in ("tune", "held_out"):
        tickets = [ticket for ticket in TICKETS if ticket.split == half]
        assert {ticket.channel for ticket in tickets} == set(get_args(Channel))
        assert {ticket.expected.decision for ticket in tickets} == set(get_args(Outcome))
        assert {ticket.expected.rule for ticket in tickets} - {None} == rules.keys()
    for ticket in TICKETS:
        if ticket.expected.rule is not None:
            assert ticket.expected.route == rules[ticket.expected.rule], ticket.id


@pytest.mark.parametrize(
    "wrong",
    [
        {"expected": {"decision": "answer", "must_cite": []}},
        {"expected": {"decision": "silent", "route": "billing"}},
        {"expected": {"decision": "hand_over", "must_cite": [], "rule": "anger"}},
        {"expected": {"decision": "hand_over", "must_cite": [], "offline": "hand_over"}},
        {"messages": [{"from": "assistant", "text": "Hello."}]},
        {"colour": "red"},
    ],
)
def test_a_ticket_that_contradicts_itself_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        make_ticket(**wrong)


def test_the_last_messages_of_the_customer_wait_and_the_others_are_history() -> None:
    said = [
        ("customer", "Hi"),
        ("assistant", "Hello."),
        ("person", "My turn."),
        ("customer", "One"),
        ("customer", "Two"),
    ]
    ticket = make_ticket(messages=[{"from": author, "text": text} for author, text in said])
    turn = ticket.build_turn()
    assert turn.messages == ("One", "Two")
    assert turn.conversation.history == tuple(said[:3])
    assert (turn.conversation.automatic_replies, turn.conversation.ticket_subject) == (1, "Hi")


def test_tickets_are_read_from_all_files_of_a_folder(tmp_path: Path) -> None:
    for name in ("b", "a"):
        entry = make_ticket(id=f"{name}-01").model_dump(mode="json", by_alias=True)
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump([entry]))
    assert [ticket.id for ticket in read_suite(tmp_path)] == ["a-01", "b-01"]


async def test_the_agent_is_run_on_each_ticket_and_its_doings_are_kept() -> None:
    done: list[int] = []
    asked, unknown = make_ticket(), make_ticket("hand_over", id="made-02")
    sure = make_agent(passages=[make_passage(source=f"{KNOWLEDGE_FOLDER}{RESET}")])
    (answered,) = await run_suite(sure, [asked], on_done=lambda: done.append(1))
    assert (answered.outcome, answered.cited, answered.is_offline) == ("answer", (RESET,), True)
    assert "Select Forgot password" in answered.reply
    both = await run_suite(make_agent(passages=[]), [unknown, asked], on_done=lambda: done.append(1))
    assert [result.ticket.id for result in both] == ["made-02", "made-01"]
    assert {(result.outcome, result.rule, result.reply, result.cited) for result in both} == {
        ("hand_over", "no_knowledge", "", ())
    }
    assert len(done) == 3


async def test_the_real_desk_handles_a_few_of_them(knowledge_pool: DbPool, settings: Settings) -> None:
    wanted = [f"{area}-{number:02}" for area, numbers in SMOKE.items() for number in numbers]
    tickets = [ticket for ticket in TICKETS if ticket.id in wanted]
    assert {ticket.split for ticket in tickets} == {"tune"}
    async with aclosing(await build_agent(settings, knowledge_pool)) as agent:
        results = await run_suite(agent, tickets)
    figures = measure_results(results)
    assert figures["must_escalate_by_rule"] == figures["route_accuracy"] == 1.0
    assert figures["auto_resolution_precision"] == 1.0
    assert figures["coverage"] > 0
    assert figures["must_not_say_violations"] == 0


def test_known_doings_come_to_known_figures() -> None:
    dispute = {"route": "billing", "rule": "billing_dispute"}
    results = [
        make_result(make_ticket(), "answer"),
        make_result(make_ticket(), "answer", cited=("login/other.md",)),
        make_result(make_ticket(), "hand_over"),
        make_result(make_ticket(expected={"offline": "hand_over"}), "hand_over"),
        make_result(make_ticket("hand_over", expected=dispute), "hand_over", rule="billing_dispute", route="billing"),
        make_result(make_ticket("hand_over", expected=dispute), "hand_over", route="general"),
        make_result(make_ticket("hand_over", expected=dispute), "answer"),
        make_result(make_ticket("hand_over", expected={"route": "general", "rule": "anger"}), "hand_over"),
        make_result(make_ticket("silent"), "silent"),
        make_result(make_ticket("hand_over", expected={"must_not_say": ["FORGOT"]}), "answer"),
    ]
    assert measure_results(results) == {
        "decision_accuracy": 7 / 10,
        "must_escalate_recall": 2 / 3,
        "must_escalate_by_rule": 1 / 3,
        "likely_escalate_recall": 1.0,
        "false_escalation_rate": 1 / 3,
        "auto_resolution_precision": 1 / 4,
        "coverage": 4 / 10,
        "route_accuracy": 2 / 3,
        "citation_accuracy": 1 / 2,
        "must_not_say_violations": 1.0,
    }
    assert measure_results([]) == {}


def test_the_held_out_half_is_reported_under_its_own_name() -> None:
    results = [make_result(make_ticket(split="held_out"), "answer"), make_result(make_ticket(), "hand_over")]
    accuracies = [row for row in measure_suite(results) if row.measure == "decision_accuracy"]
    assert accuracies == [Row("suite", "decision_accuracy", 1.0), Row("suite_tune", "decision_accuracy", 0.0)]


def test_each_fault_is_said_in_words() -> None:
    handed_over = make_ticket("hand_over", expected={"route": "billing", "must_not_say": ["password"]})
    assert explain_fault(make_result(make_ticket(), "answer")) is None
    assert explain_fault(make_result(make_ticket(), "silent", rule="closing")) == "silent by closing, expected answer"
    assert explain_fault(make_result(handed_over, "hand_over")) == "handed over to general, expected billing"
    assert explain_fault(make_result(make_ticket(), "answer", cited=())) == f"cites nothing, expected {RESET}"
    talkative = make_ticket(expected={"must_not_say": ["forgot PASSWORD"]})
    assert explain_fault(make_result(talkative, "answer")) == "says what it must not"


def test_an_answer_from_an_article_is_wrong_for_a_brain_that_cannot_translate_it() -> None:
    ticket = make_ticket(expected={"offline": "hand_over"})
    assert explain_fault(make_result(ticket, "answer", is_offline=False)) is None
    assert explain_fault(make_result(ticket, "answer")) == "answer by grounded_answer, expected hand_over"


def test_tickets_are_counted_by_tag_and_channel() -> None:
    results = [
        make_result(make_ticket(tags=["typos", "short"]), "answer"),
        make_result(make_ticket(tags=["typos"], channel="whatsapp"), "hand_over"),
    ]
    assert measure_by_tag(results) == {
        "channel:web": (1, 1.0, 1.0),
        "channel:whatsapp": (1, 0.0, 0.0),
        "short": (1, 1.0, 1.0),
        "typos": (2, 0.5, 0.5),
    }
