"""The policy guard: our own sentences per rule, near misses, robustness, and recall on public train sets."""

import csv
import json
import time
from pathlib import Path

import pytest

from agent.decision.policy import (
    POLICY_FILE,
    PolicyGuard,
    PolicyMatch,
    Rule,
    compile_pattern,
    load_guard,
    normalise,
    read_policy,
    spell_wrongly,
)
from agent.knowledge.embedder import Embedder
from tests.conftest import SHARED_DATA

# None of these is a seed. 75 of the 76 were known at the first run, before anything was changed for them.
MUST_FIRE: dict[str, tuple[str, ...]] = {
    "billing_dispute": (
        "You took the money two times!!",
        "I was billed for a plan I cancelled in March",
        "why on earth did 49 dollars leave my account yesterday??",
        "There's a payment to Harborline on my card and I never bought anything from you",
        "I have been double charged for the Pro plan",
        "my last invoice has six seats on it, we only have four",
        "Still no sign of the money you promised to give back",
        "I want a full refund right now.",
        "where's my refund",
        "it has been three weeks and the reimbursement is nowhere to be seen",
        "You people keep charging my card although I left in January",
        "I'm filing a chargeback with my bank",
        "An unauthorised direct debit was collected by your company",
        "The fee on my statement is wrong, please correct it",
        "pls give me my money back",
        "I returned the Hub and you owe me 129 euros",
        "this charge isn't mine",
        "How come I got billed the yearly price when I picked monthly?",
        "I've been overcharged",
        "Who is HRBRLN and why are they pulling cash from my account?",
    ),
    "legal_threat": (
        "My solicitor will be in touch",
        "You'll be hearing from my lawyers.",
        "I am prepared to take this to court.",
        "We will sue.",
        "I'll be suing you for damages",
        "I have reported your company to the consumer protection agency",
        "I am lodging a complaint with the ICO about how you treat my data",
        "This violates the GDPR and I will inform the supervisory authority",
        "You are in breach of our contract",
        "We have been served with a subpoena for these records",
        "Take down this defamatory post or face legal consequences",
        "my attorney says you are liable for this",
        "See you in small claims",
        "I'm considering legal action",
        "I will contact the ombudsman if I don't hear back",
        "Your advertising is illegal and I shall report it to trading standards",
        "This letter serves as formal notice before we start proceedings in court",
        "You used our copyrighted photos, this is copyright infringement",
    ),
    "security_incident": (
        "someone is using my login",
        "I think I've been hacked",
        "There's a session from Brazil on my account and I live in Norway",
        "I lost my phone with the authenticator on it",
        "my wallet got stolen this morning, cards and all",
        "We accidentally pushed our API token to GitHub",
        "I found an XSS in your comment field",
        "I received a weird email asking me to confirm my Harborline password, is it a scam?",
        "Somebody changed my email address and now I can't get in",
        "I can see another company's boards in my workspace!",
        "My card details were stolen",
        "An ex employee still logs in to our workspace with his old password",
        "Suspicious sign-in last night, not me",
        "our customer list has leaked",
        "someone has taken over my account",
        "I think my laptop was compromised by malware",
    ),
    "account_deletion": (
        "i want out, wipe everything you have on me",
        "Can you erase my profile pls",
        "Please delete my acount",
        "How can I close my account permanently?",
        "I'd like all my data removed from your servers",
        "kindly terminate my membership and remove my records",
        "Under article 17 GDPR I request erasure of my personal data",
        "get rid of my account",
        "I don't want to have an account with you anymore",
        "deactivate my profile",
        "forget me",
        "we want our company account closed by the end of the month",
    ),
    "asks_for_person": (
        "Can I please talk to a human?",
        "get me a real person",
        "I'd like to speak with someone from your team",
        "agent",
        "transfer me to a representative",
        "stop with the bot answers, I need a person",
        "Please call me back on my mobile",
        "I want to speak to your supervisor",
        "is there a human i can chat with",
        "put me thru to an operator",
    ),
}
LEANS: dict[str, tuple[str, ...]] = {
    "churn_risk": (
        "We are going to move to a competitor next month",
        "I'm about to cancel my subscription, this is not worth it",
        "you are losing me as a customer",
        "We won't be renewing our contract",
    ),
    "anger": (
        "This is the worst service I have ever seen",
        "I am absolutely furious!!!",
        "your product is garbage",
        "I want to file a complaint",
    ),
    "data_loss": (
        "All my boards have disappeared",
        "We lost two months of data after the sync",
        "my notes were overwritten and are gone",
        "the attachments of the whole project are missing",
    ),
    "critical_bug": (
        "Production is down, nobody can work",
        "everyone in our company is locked out of the app",
        "The whole system is unavailable since 9am",
        "We get 500 errors on every page, all users are affected",
    ),
}
MUST_NOT_FIRE = (
    "What is your refund policy?",
    "How do I download an invoice?",
    "Which payment methods do you accept?",
    "How do I upgrade my plan?",
    "How much does the Pro plan cost per month?",
    "Can I switch from monthly to yearly billing?",
    "Where can I see my invoices?",
    "How do I add our VAT number?",
    "Are refunds possible on yearly plans?",
    "When is the next payment due?",
    "How do I change the card we pay with?",
    "Do you offer a discount for schools?",
    "How do I set a new Harborline password?",
    "How do I turn on two-factor authentication?",
    "Is our data encrypted at rest?",
    "How do I sign out of all my devices?",
    "How do I create an API token?",
    "Can I log in with my Google account?",
    "How do I delete a task?",
    "How can I remove a teammate from a board?",
    "How do I restore a deleted file?",
    "How do I change the name on my profile?",
    "I would like to create an account",
    "How do I switch to another workspace?",
    "How do I cancel my order?",
    "Where is my parcel?",
    "How do I return a Hub?",
    "How long is the warranty?",
    "Unsubscribe me from the newsletter",
    "Are you GDPR compliant?",
    "Where is your privacy policy?",
    "What are your support hours?",
    "How do I assign a task to a person in my team?",
    "Does the app work offline?",
    "Push notifications don't arrive on my phone",
    "How do I connect my calendar?",
    "What does error HL-1042 mean?",
    "How do I import a CSV file?",
    "Thanks a lot, that solved it!",
    "Hello, I have a question",
    "Can I upload files larger than 100 MB?",
    "The app is a bit slow today",
    "What's the weather like in Paris?",
    "Remind me to buy milk tomorrow",
)


@pytest.fixture(scope="module")
def by_words() -> PolicyGuard:
    return load_guard(None)


@pytest.fixture(scope="module")
def with_model(embedder: Embedder) -> PolicyGuard:
    return load_guard(embedder)


def find_rules(guard: PolicyGuard, text: str, embedder: Embedder | None = None) -> list[str]:
    return [match.rule for match in guard.check(text, None if embedder is None else embedder.embed([text])[0])]


def find_mandatory(guard: PolicyGuard, text: str, embedder: Embedder | None = None) -> list[str]:
    matches = guard.check(text, None if embedder is None else embedder.embed([text])[0])
    return [match.rule for match in matches if match.level == "always"]


@pytest.mark.parametrize(("rule", "text"), [(rule, text) for rule, texts in MUST_FIRE.items() for text in texts])
def test_mandatory_messages_are_known(with_model: PolicyGuard, embedder: Embedder, rule: str, text: str) -> None:
    assert rule in find_mandatory(with_model, text, embedder)


@pytest.mark.parametrize(("rule", "text"), [(rule, text) for rule, texts in LEANS.items() for text in texts])
def test_leaning_messages_are_known(with_model: PolicyGuard, embedder: Embedder, rule: str, text: str) -> None:
    assert rule in find_rules(with_model, text, embedder)


@pytest.mark.parametrize("text", MUST_NOT_FIRE)
def test_plain_questions_are_left_alone(with_model: PolicyGuard, embedder: Embedder, text: str) -> None:
    assert find_mandatory(with_model, text, embedder) == []


def test_words_alone_find_nearly_all_of_them(by_words: PolicyGuard) -> None:
    missed = [text for rule, texts in MUST_FIRE.items() for text in texts if rule not in find_mandatory(by_words, text)]
    assert len(missed) <= 0.12 * sum(map(len, MUST_FIRE.values())), missed
    assert [text for text in MUST_NOT_FIRE if find_mandatory(by_words, text)] == []


def test_the_strictest_rule_comes_first(by_words: PolicyGuard) -> None:
    text = (
        "Let me talk to a person, delete my account, refund me, my account was hacked and my lawyer will sue. Pathetic!"
    )
    expected = ["security_incident", "legal_threat", "account_deletion", "billing_dispute", "asks_for_person", "anger"]
    assert find_rules(by_words, text) == expected
    matches = by_words.check(text, None)
    assert by_words.order(reversed(matches)) == matches


def test_a_match_says_what_it_was_known_by(by_words: PolicyGuard, with_model: PolicyGuard, embedder: Embedder) -> None:
    assert by_words.check("Hi. My lawyer knows.", None) == (PolicyMatch("legal_threat", "legal", "always", "lawyer"),)
    text = "Cease using our trademark immediately"
    (match,) = with_model.check(text, embedder.embed([text])[0])
    seeds = {rule.id: rule.examples for rule in read_policy(POLICY_FILE).rules}
    assert (match.rule, by_words.check(text, None)) == ("legal_threat", ())
    assert match.evidence in seeds["legal_threat"]


@pytest.mark.parametrize(
    "text",
    [
        "I\u2019ve been HACKED",
        "my acc\u200bount was hac\u00adked",
        "I was\n> double-charged",
        "Ｉ ｗａｎｔ ｍｙ ｍｏｎｅｙ ｂａｃｋ",
        "please   delete\tmy    account",
        "please dleete my acccount",
        "I demand a refnud",
    ],
)
def test_spelling_and_typography_do_not_hide_a_message(by_words: PolicyGuard, text: str) -> None:
    assert find_mandatory(by_words, text)


def test_real_words_are_not_taken_for_misspelt_ones() -> None:
    policy = read_policy(POLICY_FILE)
    wrong = spell_wrongly(policy.repaired_words, policy.never_repaired)
    assert wrong["acount"] == "account"
    assert wrong["refnud"] == "refund"
    assert (
        not {"changed", "charge", "charges", "layer", "compliant", "remote", "task", "agents", "issued"} & wrong.keys()
    )


def test_a_gap_does_not_cross_a_sentence() -> None:
    pattern = compile_pattern("refund ... missing", {})
    assert pattern.search("refund of $12.50 is missing")
    assert not pattern.search("i got my refund. one screw is missing")


def test_an_unknown_word_list_is_an_error() -> None:
    with pytest.raises(KeyError):
        compile_pattern("<nobody> called", {})


def test_a_mention_counts_only_without_its_unless() -> None:
    rule = Rule.model_validate({
        "id": "gone", "route": "general", "level": "always", "description": "", "examples": ["Gone."],
        "mentions": [{"words": "refund", "unless": "policy"}],
    })  # fmt: skip
    guard = PolicyGuard([rule], None)
    assert not guard.check("What is the refund policy?", None)
    assert guard.check("What is the policy? I want a refund!", None)
    assert guard.check("Refund policy? A refund!", None)


def test_nothing_said_is_no_match(by_words: PolicyGuard) -> None:
    for text in ("", " \n\n ", "?!", "😀", "\ud800", "1234"):
        assert by_words.check(text, None) == ()


def test_every_rule_of_the_file_is_complete() -> None:
    rules = read_policy(POLICY_FILE).rules
    assert {rule.id for rule in rules} == MUST_FIRE.keys() | LEANS.keys()
    assert [rule.id for rule in rules if rule.level == "always"] == [
        "security_incident", "legal_threat", "account_deletion", "billing_dispute", "asks_for_person",
    ]  # fmt: skip
    for rule in rules:
        assert rule.description
        assert len(rule.examples) == len(set(rule.examples)) >= 10
        assert len(rule.counter_examples) >= 4


def test_a_check_takes_less_than_a_millisecond(with_model: PolicyGuard, embedder: Embedder) -> None:
    texts = [*MUST_NOT_FIRE, *(text for found in MUST_FIRE.values() for text in found)]
    vectors = embedder.embed(texts)
    rounds = []
    for _ in range(3):
        start = time.thread_time()  # the machine may be busy with other tests
        for text, vector in zip(texts, vectors, strict=True):
            with_model.check(text, vector)
        rounds.append((time.thread_time() - start) / len(texts))
    assert min(rounds) < 0.001


@pytest.mark.parametrize("unit", ["charged ", "my money my account ", "why ", "a", "\n ", "delete all of the ", "- . "])
def test_no_text_makes_the_patterns_slow(by_words: PolicyGuard, unit: str) -> None:
    start = time.thread_time()
    by_words.check(unit * (20_000 // len(unit)), None)
    assert time.thread_time() - start < 1


def test_normalising_keeps_paragraphs_apart() -> None:
    assert normalise("It's  a\nlong-ish line\n\n Next") == "its a long ish line\nnext"


PUBLIC_RECALL = [
    ("account_deletion", 0.99, {"terminate_account", "delete_account"}),
    (
        "billing_dispute",
        0.99,
        {"transaction_charged_twice", "extra_charge_on_statement", "card_payment_not_recognised"}
        | {"direct_debit_payment_not_recognised", "cash_withdrawal_not_recognised", "Refund_not_showing_up"}
        | {"get_refund", "track_refund", "payment_issue"},
    ),
    (
        "security_incident",
        0.97,
        {"compromised_card", "lost_or_stolen_card", "lost_or_stolen_phone", "report_fraud", "report_lost_card"},
    ),
    ("asks_for_person", 0.99, {"contact_human_agent"}),
]
HOW_TO = {
    "activate_my_card",
    "exchange_rate",
    "age_limit",
    "card_arrival",
    "top_up_limits",
    "fiat_currency_support",
} | {
    *("newsletter_subscription", "track_order", "create_account", "edit_account", "check_invoice", "delivery_options"),
    *("check_payment_methods", "recover_password", "weather", "recipe", "book_flight", "tell_joke", "oos", "timer"),
}


@pytest.mark.skipif(not SHARED_DATA.is_dir(), reason="the public data sets are not on this machine")
@pytest.mark.parametrize(("rule", "least", "labels"), PUBLIC_RECALL, ids=[entry[0] for entry in PUBLIC_RECALL])
def test_recall_on_public_train_sets(
    with_model: PolicyGuard, embedder: Embedder, rule: str, least: float, labels: set[str]
) -> None:
    """Any mandatory rule counts: a fraud that is reported as a dispute also reaches a person."""
    texts = read_texts(SHARED_DATA, labels)
    assert count_alarms(with_model, embedder, texts) >= least * len(texts), rule


@pytest.mark.skipif(not SHARED_DATA.is_dir(), reason="the public data sets are not on this machine")
def test_false_alarms_on_public_train_sets(with_model: PolicyGuard, embedder: Embedder) -> None:
    texts = read_texts(SHARED_DATA, HOW_TO)[::3]
    assert count_alarms(with_model, embedder, texts) <= 0.02 * len(texts)


def count_alarms(guard: PolicyGuard, embedder: Embedder, texts: list[str]) -> int:
    """How many of the texts must go to a person."""
    vectors = embedder.embed(texts)
    found = (guard.check(text, vector) for text, vector in zip(texts, vectors, strict=True))
    return sum(any(match.level == "always" for match in matches) for matches in found)


def read_texts(folder: Path, labels: set[str]) -> list[str]:
    """The train texts under these labels, each once."""
    with (folder / "banking77" / "train.csv").open(encoding="utf-8", newline="") as file:
        rows = [(row["text"], row["category"]) for row in csv.DictReader(file)]
    with (folder / "bitext" / "customer_support.csv").open(encoding="utf-8", newline="") as file:
        rows += [(row["instruction"], row["intent"]) for row in csv.DictReader(file)]
    clinc = json.loads((folder / "clinc150" / "data_full.json").read_text(encoding="utf-8"))
    rows += [(text, label) for part in ("train", "oos_train") for text, label in clinc[part]]
    return sorted({text for text, label in rows if label in labels})
