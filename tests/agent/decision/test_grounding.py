"""A reply says only what its sources say, sentence by sentence."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.compose import compose_reply
from agent.decision.grounding import MAX_STATEMENTS, Grounder, Grounding
from agent.decision.statements import split_statements
from agent.knowledge.documents import find_documents, read_document
from agent.knowledge.embedder import Embedder
from agent.knowledge.passages import cut_passages
from database.types import Channel
from tests.agent.builders import make_passage
from tests.conftest import SAMPLE_KNOWLEDGE

_FILE = yaml.safe_load(Path(__file__).with_name("grounding.yaml").read_text(encoding="utf-8"))
SOURCES: dict[str, str] = _FILE["sources"]
PAIRS: list[dict[str, Any]] = _FILE["pairs"]
SOURCE = (
    "Open app.harborline.example and choose Billing. Refunds take 5 to 10 business days. "
    "Write to help@harborline.example. You cannot change the currency. Call 030 555 0199.\n\n"
    "1. Open Settings.\n2. Choose “Plan”."
)
SENTENCES = [statement.text for text in SOURCES.values() for statement in split_statements(text)]
SEARCH = settings(deadline=None, database=None, max_examples=60)


def check(reply: str, *sources: str) -> Grounding:
    """By words alone, with the sources numbered from 1."""
    return Grounder().check(reply, dict(enumerate(sources or (SOURCE,), start=1)))


@pytest.mark.parametrize(
    "reply",
    [
        SOURCE,
        "1. Open app.harborline.example\n2. Choose Billing. [1]",
        "Refunds take 5 to 10 business days. [1]",
        "Write to help@harborline.example.",
        "Hello! I'm sorry for the trouble. Refunds take 5 to 10 business days [1]. Does that help?",
        "Let us know if you have any other questions! Is there anything else we can help you with?",
        "We're always here to help. Kind regards, your support team",
        "You can't change the currency. [1]",
        "",
    ],
)
def test_what_the_sources_say_passes(reply: str) -> None:
    assert check(reply).unsupported == ()


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        ("Refunds take 3 business days. [1]", "a number that is not"),
        ("Refunds take 5 to 10 weeks. [1]", "for something else"),
        ("Refunds take five months. [1]", "sources do not say"),
        ("Refunds take six days. [1]", "a number that is not"),
        ("Open https://evil.example/login and choose Billing.", "a link"),
        ("Open evil.example and choose Billing.", "a link"),
        ("Write to refunds@harborline.example.", "a link"),
        ("Call 030 555 0198.", "a telephone number"),
        ("Refunds take until Friday.", "a day or deadline"),
        ("Choose “Premium”.", "a label"),
        ("Open Billing and choose Stripe.", "a name"),
        ("You get a discount.", "a promise"),
        ("We will open Billing.", "a deed or promise of ours"),
        ("I have changed the currency.", "a deed or promise of ours"),
        ("You can change the currency.", "the opposite"),
        ("Certainly, our wonderful engineers repaired everything.", "sources do not say"),
        ("Is your currency 7 or 8?", "a number that is not"),
        ("Could you send us your old currency?", "a question of its own"),
        ("Do you choose Billing?", "a question of its own"),
        ("Let us know if our wonderful engineers may repair everything.", "sources do not say"),
        ("Kind regards, wonderful engineers repaired everything.", "sources do not say"),
        ("Call everyone.", "as final as a figure"),
    ],
)
def test_what_they_do_not_say_is_named_with_its_sentence(reply: str, problem: str) -> None:
    [found] = check(f"Choose Billing. {reply}").unsupported
    assert problem in found.problem
    assert found.sentence in reply


def test_a_sentence_that_breaks_off_is_word_for_word_only_where_we_have_cut_it() -> None:
    sources = {1: "Members whom an owner has named by hand may export boards."}
    cut = "Members whom an owner…"
    assert Grounder().check(cut, sources, may_be_cut=True).open_questions == ()
    assert len(Grounder().check(cut, sources).open_questions) == 1
    assert Grounder().check("Guests whom an owner…", sources, may_be_cut=True).unsupported != ()


TERMS = (
    "Refunds are possible within 30 days of the purchase. Refunds are not possible for gift cards. "
    "Go to Settings and choose Plan."
)


@pytest.mark.parametrize(
    "reply",
    [
        "Yes, you can. [1]",
        "No, you cannot. [1]",
        "Sorry, no. [1]",
        "You can do this yourself. [1]",
        "No, you must not do that. [1]",
        "You can do it more than once. [1]",
        "You should not have to do anything. [1]",
        "We hope you will not have to do this again. [1]",
    ],
)
def test_a_sentence_of_small_words_is_a_statement_as_well(reply: str) -> None:
    grounding = check(f"Refunds are possible within 30 days of the purchase. [1] {reply}", TERMS)
    assert [found.sentence for found in grounding.doubtful] == [reply.removesuffix(" [1]")]
    assert len(grounding.open_questions) == 1


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        ("Refunds are possible for gift cards.", "the opposite"),
        ("Refunds are possible within 30 days of the purchase for gift cards.", "the opposite"),
        ("Gift cards are possible within 30 days of the purchase.", "the opposite"),
        ("Go to Plan and choose Settings.", "sources do not say"),
        ("Go to Settings and choose Purchase.", "one word replaced"),
        ("Refunds are possible within 30 days of the renewal.", "one word replaced"),
    ],
)
@pytest.mark.parametrize("with_meaning", [False, True], ids=["words", "meaning"])
def test_words_of_the_sources_put_together_anew_are_not_sent_unjudged(
    reply: str, problem: str, with_meaning: bool, request: pytest.FixtureRequest
) -> None:
    embedder: Embedder | None = request.getfixturevalue("embedder") if with_meaning else None
    grounding = Grounder(embedder).check(reply, {1: TERMS})
    assert [problem in found.problem for found in grounding.unsupported] == [True]


@pytest.mark.parametrize("title", ["Can I change my plan during the year?", "Can I change my plan during the year"])
def test_a_question_is_no_evidence(title: str) -> None:
    source = f"{title}\nNo. Plans are fixed until they end."
    assert check("Yes, you can change your plan during the year.", source).unsupported != ()
    assert check(source, source).unsupported == ()


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        ("Files are kept forever.", "as final as a figure"),
        ("Your files never expire.", "as final as a figure"),
        ("Files are always kept for 30 days.", "as final as a figure"),
        ("You can keep unlimited files.", "as final as a figure"),
        ("Export is possible for everyone.", "as final as a figure"),
        ("Export is possible for members.", "another scope"),
        ("Export is possible.", "another scope"),
        ("Files are kept only for owners.", "another scope"),
        ("Orders are free of charge.", "another scope"),
    ],
)
def test_a_wider_or_narrower_scope_and_made_up_permanence_are_found(reply: str, problem: str) -> None:
    source = "Export is possible only for owners. Files are kept for 30 days. Orders are free of charge, except abroad."
    assert [problem in found.problem for found in check(reply, source).unsupported] == [True]


@pytest.mark.parametrize(
    "reply",
    ["Only owners can export.", "Files are kept for only 30 days.", "Tokens last indefinitely.", "All users may read."],
)
def test_the_same_scope_in_other_words_passes(reply: str) -> None:
    source = "Export is only possible for owners. Files are kept for 30 days. Tokens last forever. Everyone may read."
    problems = [found.problem for found in check(reply, source).unsupported]
    assert not any("scope" in problem or "final" in problem for problem in problems)


class CountingEmbedder:
    """Gives every text the same meaning, and keeps what it was asked."""

    name = "counting"

    def __init__(self) -> None:
        self.batches: list[list[str]] = []

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """One direction for all."""
        self.batches.append(list(texts))
        return np.ones((len(texts), 1), dtype=np.float32)


def test_all_is_embedded_once_in_one_batch_and_nothing_that_is_word_for_word() -> None:
    embedder = CountingEmbedder()
    grounder = Grounder(embedder)
    assert grounder.check(SOURCE, {1: SOURCE}).unsupported == ()
    assert embedder.batches == []
    grounder.check("Choose Billing now. Open Billing, then choose it. Choose Billing now.", {1: SOURCE, 2: SOURCE})
    [batch] = embedder.batches
    assert len(batch) == len(set(batch))
    assert {"Choose Billing now.", "You cannot change the currency."} <= set(batch)


def test_a_reply_of_more_sentences_than_can_be_checked_is_not_sent_and_not_embedded() -> None:
    embedder = CountingEmbedder()
    long = " ".join(f"Choose Billing {'again ' * at}." for at in range(1, MAX_STATEMENTS + 2))
    [found] = Grounder(embedder).check(long, {1: SOURCE}).wrong
    assert "more sentences" in found.problem
    assert embedder.batches == []


def test_a_wrapped_line_is_one_sentence_and_a_list_item_its_own() -> None:
    wrapped = (
        "The amount is returned to the card that was charged for it and takes\n5 to 10 business days.\n1. Open it."
    )
    assert [statement.text for statement in split_statements(wrapped)] == [
        "The amount is returned to the card that was charged for it and takes 5 to 10 business days.",
        "Open it.",
    ]


def test_a_sentence_is_held_to_the_source_that_it_cites() -> None:
    free, guests = SOURCES["export"], SOURCES["guests"]
    assert check("Exports are free on every plan. [1]", free, guests).unsupported == ()
    assert check("Exports are free on every plan. [2]", free, guests).unsupported != ()
    assert check("Exports are free on every plan.", free, guests).unsupported == ()


def test_a_translation_is_compared_by_figures_and_left_to_a_judge() -> None:
    right = check("Wählen Sie die Abrechnung. Erstattungen dauern 5 bis 10 Tage.")
    assert right.wrong == ()
    assert [found.problem for found in right.doubtful] == [
        "a sentence in another language than its sources, which could not be checked"
    ] * 2
    assert "a number" in check("Erstattungen dauern bei uns nur 3 Tage.").wrong[0].problem


@pytest.mark.parametrize("with_meaning", [False, True], ids=["words", "meaning"])
def test_hand_written_pairs_are_told_apart(with_meaning: bool, request: pytest.FixtureRequest) -> None:
    # On the half `check`, of what is blocked 90 % was rightly blocked at the first run and nothing wrong came through;
    # after clauses were compared one by one, 100 % and nothing.
    embedder: Embedder | None = request.getfixturevalue("embedder") if with_meaning else None
    pairs = [pair for pair in PAIRS if pair["half"] == "check"]
    blocked = [bool(_ground(Grounder(embedder), pair).unsupported) for pair in pairs]
    wrong = [not pair["supported"] for pair in pairs]
    rightly = sum(is_blocked and is_wrong for is_blocked, is_wrong in zip(blocked, wrong, strict=True))
    assert rightly / sum(blocked) >= 0.9, "precision"
    assert rightly / sum(wrong) >= 0.96, "recall"


def test_the_pairs_are_many_and_balanced() -> None:
    assert len(PAIRS) >= 80
    assert len({pair["reply"] + str(pair["from"]) for pair in PAIRS}) == len(PAIRS)
    for half in ("tune", "check"):
        supported = [pair["supported"] for pair in PAIRS if pair["half"] == half]
        assert 0.35 < sum(supported) / len(supported) < 0.65


@SEARCH
@given(st.sampled_from(sorted(SOURCES)), st.data())
def test_a_verbatim_excerpt_always_passes(name: str, data: st.DataObject) -> None:
    sentences = [statement.text for statement in split_statements(SOURCES[name])]
    start = data.draw(st.integers(0, len(sentences) - 1))
    end = data.draw(st.integers(start + 1, len(sentences)))
    excerpt = "\n".join(sentences[start:end])
    assert check(f"{excerpt} [1]", SOURCES[name]).unsupported == ()


@SEARCH
@given(
    st.sampled_from(sorted(SOURCES)),
    st.sampled_from(
        ["It costs {} euros.", "Call {0}{0}{0}.", "See https://www.{}.example/now.", "Write to a{}@b.example."]
    ),
    st.integers(10_000, 99_999),
    st.integers(0, 20),
)
def test_an_added_number_or_link_never_passes(name: str, sentence: str, number: int, place: int) -> None:
    lines = [statement.text for statement in split_statements(SOURCES[name])]
    lines.insert(place % (len(lines) + 1), f"{sentence.format(number)} [1]")
    assert check("\n".join(lines), SOURCES[name]).wrong != ()


@SEARCH
@given(st.lists(st.sampled_from([pair["reply"] for pair in PAIRS] + SENTENCES), min_size=2, max_size=4), st.randoms())
def test_the_order_of_sentences_does_not_matter(replies: list[str], random: Any) -> None:
    shuffled = [*replies]
    random.shuffle(shuffled)
    sources = [SOURCES["export"], SOURCES["limits"]]
    first, second = check("\n".join(replies), *sources), check("\n".join(shuffled), *sources)
    assert sorted(map(str, first.unsupported)) == sorted(map(str, second.unsupported))


@SEARCH
@given(st.text(max_size=300), st.text(max_size=300))
def test_no_text_breaks_the_gate(reply: str, source: str) -> None:
    for found in check(reply, source).unsupported:
        assert found.problem


def _ground(grounder: Grounder, pair: dict[str, Any]) -> Grounding:
    sources = {number: SOURCES[name] for number, name in enumerate(pair["from"], start=1)}
    return grounder.check(pair["reply"], sources)


@pytest.mark.parametrize("channel", get_args(Channel))
def test_what_the_offline_brain_copies_from_an_article_always_passes(channel: Channel) -> None:
    for document in find_documents([SAMPLE_KNOWLEDGE]):
        for number, cut in enumerate(cut_passages(read_document(document)), start=1):
            passage = make_passage(cut.content, title=cut.title, heading=cut.heading)
            reply = compose_reply([passage] * number, [number], channel)
            source = f"{cut.title}\n{cut.heading}\n{cut.content}"
            assert Grounder().check(reply, {number: source}, may_be_cut=True).unsupported == ()
