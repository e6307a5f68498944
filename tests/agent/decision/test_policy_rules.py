"""Every rule of the policy by sentences of its own: some that it is for, and near misses that are not its business.

No sentence stands in policy.yaml or in the evaluation suite.
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent import assemble
from agent.assemble import PolicyChecker, cut_windows
from agent.decision.policy import POLICY_FILE, load_guard, normalise, read_policy
from agent.evaluation.suite import read_suite
from agent.knowledge.embed import AsyncEmbedder
from agent.knowledge.embedder import Embedder

FIRES: dict[str, tuple[str, ...]] = {
    "security_incident": (
        "There is an unknown sign-in from Lagos in my list and I have never left Denmark",
        "A stranger got hold of my password",
        "Our webhook secret was posted in a public forum by mistake",
        "I typed my password on a page that turned out to be phishing",
        "One of your endpoints has a vulnerability, where can I disclose it",
    ),
    "legal_threat": (
        "We act for the owner of the photographs that you publish",
        "No licence was ever granted for this typeface",
        "Kindly tell us who accepts service of court papers",
        "My barrister advises me to go before a tribunal",
        "I have informed the supervisory authority about your cookies",
    ),
    "account_deletion": (
        "I make a request under Article 17: erase what concerns me",
        "All data relating to me must be deleted from your servers",
        "Shut my profile down for good, thanks",
        "I no longer want an account here",
        "Take me out of your database",
    ),
    "billing_dispute": (
        "You collected a whole year from me although I pay by the month",
        "It has been weeks and I have yet to see a penny",
        "Why was I billed for ten people when we are six",
        "This payment was never approved by anyone here",
        "Reverse the duplicate debit please",
    ),
    "asks_for_person": (
        "Let me speak to someone who works there",
        "I'd rather chat with a real employee",
        "Hand me over to a live agent",
        "Could one of your staff call me back tomorrow?",
        "no more bots, I want a human being",
    ),
    "data_loss": (
        "The pictures of our whole project have been wiped",
        "My comments vanished overnight",
        "The importer overwrote all our tasks",
        "Two years of history are gone from the board",
    ),
    "critical_bug": (
        "The page stays white on every computer of our branch",
        "Since nine our staff cannot work",
        "Your platform has been offline for an hour",
        "All of our users get a 503",
    ),
    "churn_risk": (
        "Another provider offers us the same for much less",
        "Fix it this week or we are gone",
        "We have decided to cancel our subscription in spring",
        "Next year we will not renew",
    ),
    "anger": (
        "What a ridiculous way to run a company",
        "I am livid, nobody has replied for nine days",
        "I want to lodge a complaint about your driver",
        "Utterly useless program, a waste of time",
    ),
}
SPARES: dict[str, tuple[str, ...]] = {
    "security_incident": (
        "Where can I produce an API key?",
        "How many backup codes do I get, and where do I make new ones?",
        "The email with the confirmation link has not turned up",
        "How do I move the authenticator to the phone I bought?",
    ),
    "legal_threat": (
        "Can our lawful representative sign the order form electronically?",
        "Which licence do I need for twelve people?",
        "Article 3 of my list does not show in the export",
        "Where can I find your terms and conditions?",
    ),
    "account_deletion": (
        "How do I remove an attachment from a card?",
        "Can I delete a column without losing its cards?",
        "How do I take a colleague off a board?",
        "Does changing to Free close any of our boards?",
    ),
    "billing_dispute": (
        "How much is a year of Pro for four people?",
        "Can the yearly amount be paid in two parts?",
        "Where do I type in a promotion code?",
        "On which day of the month do you collect the fee?",
    ),
    "asks_for_person": (
        "How do I mention a person in a comment?",
        "Which people can see my board?",
        "Can I assign two people to one card?",
        "Does your service have an agent for the Windows taskbar?",
    ),
    "data_loss": (
        "How can I switch plans without losing files?",
        "How do I restore a document from last week?",
        "Can two people edit the same doc?",
        "For how long is a backup kept?",
    ),
    "critical_bug": (
        "Does maintenance happen at night?",
        "How do I see the app on a second screen?",
        "Which browsers can we use?",
        "One emoji looks odd in my title",
    ),
    "churn_risk": (
        "Can I move a card to another board?",
        "How do I import from the tool of another company?",
        "Do you have a yearly price?",
        "I am out of storage, what can I do?",
    ),
    "anger": (
        "Where may I leave five stars for your app?",
        "This is a lovely feature, well done",
        "Could you make the font a little larger?",
        "How does one vote for an idea?",
    ),
}
CASES_THAT_FIRE = [(rule, text) for rule, texts in FIRES.items() for text in texts]
CASES_SPARED = [(rule, text) for rule, texts in SPARES.items() for text in texts]


async def test_the_end_of_a_very_long_letter_is_read_too() -> None:
    checker = PolicyChecker(load_guard(None), None)
    matches = await checker.check(["It all began so well. " * 10_000 + "My lawyer will sue you."])
    assert [match.rule for match in matches] == ["legal_threat"]


@pytest.mark.parametrize("before", [300, 1_100, 5_000, 7_000])
async def test_the_middle_of_a_very_long_letter_is_read_too(before: int) -> None:
    checker = PolicyChecker(load_guard(None), None)
    letter = "It all began so well. " * before + "My lawyer will sue you. " + "And so it went on. " * 5_000
    matches = await checker.check([letter, f"A long story\n{letter}"])
    assert [match.rule for match in matches] == ["legal_threat"]


@settings(deadline=None, database=None, max_examples=30)
@given(st.integers(0, 120_000), st.integers(2, 900))
def test_wherever_words_stand_a_window_has_them_whole(place: int, length: int) -> None:
    words = "x" * length
    text = "." * place + words + "." * (120_000 - place)
    assert any(words in window for window in cut_windows(text))
    assert sum(map(len, cut_windows(text))) < 1.1 * len(text) + 1_000


async def test_what_is_too_long_to_be_read_goes_to_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assemble, "_MAX_WINDOWS", 1)
    checker = PolicyChecker(load_guard(None), None)
    assert await checker.check(["It began well. " * 1_000]) == ()
    [match] = await checker.check(["It began well. " * 2_000])
    assert (match.rule, match.level) == ("too_long_to_read", "always")


@pytest.fixture(scope="module")
def checker(embedder: Embedder) -> PolicyChecker:
    return PolicyChecker(load_guard(embedder), AsyncEmbedder(embedder))


@pytest.mark.parametrize(("rule", "text"), CASES_THAT_FIRE)
async def test_a_rule_fires_for_what_it_is_for(checker: PolicyChecker, rule: str, text: str) -> None:
    assert rule in [match.rule for match in await checker.check([text])]


@pytest.mark.parametrize(("rule", "text"), CASES_SPARED)
async def test_a_rule_leaves_its_near_misses_alone(checker: PolicyChecker, rule: str, text: str) -> None:
    assert rule not in [match.rule for match in await checker.check([text])]


def test_every_rule_is_tested_both_ways_by_sentences_that_stand_nowhere_else() -> None:
    policy = read_policy(POLICY_FILE)
    assert {rule.id for rule in policy.rules} == FIRES.keys() == SPARES.keys()
    own = [normalise(text) for _, text in CASES_THAT_FIRE + CASES_SPARED]
    assert len(own) == len(set(own))
    known = {normalise(text) for rule in policy.rules for text in (*rule.examples, *rule.counter_examples)}
    known |= {normalise(text) for text in policy.harmless}
    known |= {normalise(message.text) for ticket in read_suite() for message in ticket.messages}
    assert known.isdisjoint(own)
