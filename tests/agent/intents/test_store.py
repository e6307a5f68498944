"""A stored classifier classifies exactly as the one that was stored."""

import io

import numpy as np
import pytest

from agent.intents import store
from agent.intents.store import FORMAT, StoreUnreadable, dump, load
from agent.intents.train import train_classifier
from agent.knowledge.embedder import Embedder
from tests.agent.intents.sample import EXAMPLES, STRANGERS, WordEmbedder

TEXTS = [example.text for example in EXAMPLES[1::5]] + STRANGERS + ["", "\ud83d"]


@pytest.mark.parametrize("embedder", [WordEmbedder(), None], ids=["with meaning", "words alone"])
@pytest.mark.parametrize("strangers", [STRANGERS, []], ids=["strangers", "no strangers"])
def test_a_round_trip_changes_nothing(embedder: Embedder | None, strangers: list[str]) -> None:
    classifier = train_classifier(EXAMPLES[::3], strangers, embedder)
    again = load(dump(classifier))
    vectors = None if embedder is None else embedder.embed(TEXTS)
    assert again.classify(TEXTS, vectors) == classifier.classify(TEXTS, vectors)
    for name in ("version", "labels", "examples", "measured"):
        assert getattr(again, name) == getattr(classifier, name)
    assert dump(again) == dump(classifier)


@pytest.mark.parametrize("content", [b"", b"not a zip file", b"PK\x03\x04 broken"], ids=["empty", "text", "broken"])
def test_other_bytes_are_refused(content: bytes) -> None:
    with pytest.raises(StoreUnreadable):
        load(content)


def test_half_of_the_bytes_are_refused() -> None:
    content = dump(train_classifier(EXAMPLES[::12], [], None))
    with pytest.raises(StoreUnreadable):
        load(content[: len(content) // 2])


def test_an_object_that_would_run_code_is_refused() -> None:
    file = io.BytesIO()
    np.savez(file, described=np.array([{"format": 1}], dtype=object))
    with pytest.raises(StoreUnreadable):
        load(file.getvalue())


def test_another_format_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    content = dump(train_classifier(EXAMPLES[::12], [], None))
    monkeypatch.setattr(store, "FORMAT", FORMAT + 1)
    with pytest.raises(StoreUnreadable, match=f"format {FORMAT}, expected {FORMAT + 1}"):
        load(content)
