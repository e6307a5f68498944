"""Near-duplicates share a fold, and labels are spread."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.intents.examples import Example, assign_folds, fold_examples, humanise_label


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("card_arrival", "card arrival"),
        ("Refund_not_showing_up?", "refund not showing up"),
        ("cancelOrder", "cancel order"),
        ("billing/dispute-2", "billing dispute 2"),
        ("??", "label ??"),
        ("返金", "返金"),
    ],
)
def test_a_label_is_said_in_words(label: str, words: str) -> None:
    assert humanise_label(label) == words


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 30)), min_size=1, max_size=60), st.integers(0, 9))
def test_no_group_is_in_two_folds(pairs: list[tuple[int, int]], seed: int) -> None:
    labels = np.array([label for label, _ in pairs])
    _, groups = np.unique([group for _, group in pairs], return_inverse=True)
    folds = assign_folds(labels, groups, np.random.default_rng(seed))
    assert all(len(set(folds[groups == group])) == 1 for group in set(groups))
    assert set(folds) <= set(range(5))


def test_every_label_is_in_every_fold_if_it_can_be() -> None:
    labels = np.repeat([0, 1, 2], [50, 5, 20])
    folds = assign_folds(labels, np.arange(75), np.random.default_rng(0))
    for label in (0, 1, 2):
        counts = np.bincount(folds[labels == label], minlength=5)
        assert counts.max() - counts.min() <= 1


def test_texts_that_say_the_same_share_a_fold() -> None:
    things = ["parcel", "invoice", "password", "tickets", "laptop", "box", "licence", "refund", "seat", "receipt"]
    examples = [
        Example(text, "late")
        for thing in things
        for text in (f"{thing} missing since {thing[::-1]}", f"{thing} missing since {thing[::-1]}".upper() + " ?")
    ]
    folds = fold_examples(examples, 5, similarity=0.8)
    assert (folds[::2] == folds[1::2]).all()
    assert len(set(folds)) == 5
    assert (fold_examples(examples, 5)[::2] != fold_examples(examples, 5)[1::2]).any()
