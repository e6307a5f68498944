"""The classifier: what it guesses, how sure it is, and that no input breaks it."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from agent.intents.classifier import IntentClassifier, IntentGuess
from agent.intents.examples import Example
from agent.intents.train import TooFewLabels, train_classifier
from agent.knowledge.embedder import Embedder
from tests.agent.intents.sample import EXAMPLES, STRANGERS, WordEmbedder

ODD_TEXTS = [
    "",
    " \n\t",
    "\x00",
    "\ud83d half a pair",
    "我的订单在哪里",
    "🙂🙂🙂",
    "refund " * 20_000,
    "a" * 50_000,
    "?!",
]


@pytest.fixture(scope="module", params=[WordEmbedder(), None], ids=["with meaning", "words alone"])
def embedder(request: pytest.FixtureRequest) -> Embedder | None:
    chosen: Embedder | None = request.param
    return chosen


@pytest.fixture(scope="module")
def classifier(embedder: Embedder | None) -> IntentClassifier:
    return train_classifier(EXAMPLES[::2], STRANGERS[::2], embedder)


def classify(classifier: IntentClassifier, embedder: Embedder | None, texts: list[str]) -> list[IntentGuess]:
    return classifier.classify(texts, None if embedder is None else embedder.embed(texts))


def test_it_knows_what_it_has_not_seen(classifier: IntentClassifier, embedder: Embedder | None) -> None:
    guesses = classify(classifier, embedder, [example.text for example in EXAMPLES[1::2]])
    right = [guess.label == example.label for guess, example in zip(guesses, EXAMPLES[1::2], strict=True)]
    assert np.mean(right) > 0.95


def test_probabilities_are_ordered_and_lie_between_0_and_1(
    classifier: IntentClassifier, embedder: Embedder | None
) -> None:
    for guess in classify(classifier, embedder, [example.text for example in EXAMPLES[1::7]] + STRANGERS):
        assert 0 <= guess.runner_up_probability <= guess.probability <= 1
        assert guess.probability + guess.runner_up_probability <= 1 + 1e-9
        assert 0 < guess.trust < 1
        assert guess.runner_up != guess.label


def test_strangers_it_has_not_seen_are_trusted_less(classifier: IntentClassifier, embedder: Embedder | None) -> None:
    known = classify(classifier, embedder, [example.text for example in EXAMPLES[1::2]])
    strangers = classify(classifier, embedder, STRANGERS[1::2])
    assert max(guess.trust for guess in strangers) < np.quantile([guess.trust for guess in known], 0.05)


def test_the_nearest_example_is_named(classifier: IntentClassifier, embedder: Embedder | None) -> None:
    (guess,) = classify(classifier, embedder, [EXAMPLES[0].text])
    assert (guess.nearest.text, guess.nearest.label) == (EXAMPLES[0].text, EXAMPLES[0].label)
    assert guess.nearest.similarity == pytest.approx(1, abs=1e-5)


def test_odd_texts_get_a_guess(classifier: IntentClassifier, embedder: Embedder | None) -> None:
    for guess in classify(classifier, embedder, ODD_TEXTS):
        assert guess.label in classifier.labels
        assert np.isfinite([guess.probability, guess.trust, guess.nearest.similarity]).all()


def test_a_text_is_judged_alike_alone_and_among_others(classifier: IntentClassifier, embedder: Embedder | None) -> None:
    texts = [example.text for example in EXAMPLES] * 3
    together = classify(classifier, embedder, texts)
    for index in (0, 255, 256, 500):
        (alone,) = classify(classifier, embedder, [texts[index]])
        assert alone.label == together[index].label
        assert alone.trust == pytest.approx(together[index].trust, abs=1e-4)


def test_calls_from_many_threads_do_not_mix(classifier: IntentClassifier, embedder: Embedder | None) -> None:
    texts = [example.text for example in EXAMPLES[:40]]
    expected = [classify(classifier, embedder, [text]) for text in texts]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda text: classify(classifier, embedder, [text]), texts)) == expected


def test_no_texts_are_no_guesses(classifier: IntentClassifier, embedder: Embedder | None) -> None:
    assert classify(classifier, embedder, []) == []


def test_the_same_input_trains_the_same_classifier(embedder: Embedder | None) -> None:
    texts = [example.text for example in EXAMPLES[1::9]] + STRANGERS
    first, second = (train_classifier(EXAMPLES[::3], STRANGERS, embedder, seed=4) for _ in range(2))
    assert first.version == second.version
    assert classify(first, embedder, texts) == classify(second, embedder, texts)


def test_the_version_tells_data_and_embedder_apart() -> None:
    base = train_classifier(EXAMPLES[:120], STRANGERS, None).version
    assert train_classifier(EXAMPLES[:119], STRANGERS, None).version != base
    assert train_classifier(EXAMPLES[:120], STRANGERS[1:], None).version != base
    assert train_classifier(EXAMPLES[:120], STRANGERS, WordEmbedder()).version != base


@pytest.mark.parametrize(
    "examples",
    [
        [Example("where is it", "late"), Example("money back", "refund")],
        [Example("where is it", "late"), *(Example(f"money back {n}", "refund") for n in range(30))],
        [Example("", "late"), Example("", "refund")],
        [Example(f"wish number {n}", f"label_{n}") for n in range(300)],
        [Example("same words", "a"), Example("same words", "b"), Example("same words", "b")],
        [Example("", "?"), Example("", "")],
        [Example("où est mon colis ?", "étage"), Example("返金してください", "返金"), Example("🙂", "🙂")],
    ],
    ids=[
        "one each",
        "one against many",
        "empty texts",
        "as many labels as texts",
        "contradictions",
        "labels without words",
        "unicode",
    ],
)
def test_few_or_odd_examples_are_enough(examples: list[Example], embedder: Embedder | None) -> None:
    classifier = train_classifier(examples, [], embedder)
    for guess in classify(classifier, embedder, [examples[0].text, "something else"]):
        assert guess.label in classifier.labels
        assert 0 < guess.trust < 1


def test_one_label_is_refused() -> None:
    with pytest.raises(TooFewLabels, match="at least two labels, not of 1"):
        train_classifier([Example("a", "only"), Example("b", "only")], [], None)


def test_vectors_must_be_given_exactly_where_there_was_an_embedder() -> None:
    with_meaning = train_classifier(EXAMPLES[::12], [], WordEmbedder())
    without = train_classifier(EXAMPLES[::12], [], None)
    with pytest.raises(ValueError, match="embedder words"):
        with_meaning.classify(["refund"], None)
    with pytest.raises(ValueError, match="embedder None"):
        without.classify(["refund"], WordEmbedder().embed(["refund"]))
