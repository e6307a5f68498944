"""The measures, against what they must be by definition."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.evaluation.measures import (
    measure_aurc,
    measure_auroc,
    measure_coverage,
    measure_ece,
    measure_macro_f1,
    measure_precision,
    measure_proved,
    measure_rejected,
    trace_risk,
)

cases = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60)
scores = st.lists(st.sampled_from([0.0, 0.2, 0.4, 0.6, 0.8, 1.0]), min_size=1, max_size=30)


def split(pairs: list[tuple[float, bool]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([score for score, _ in pairs], np.float64), np.array([right for _, right in pairs], bool)


@given(cases)
def test_every_measure_is_a_share(pairs: list[tuple[float, bool]]) -> None:
    trust, is_right = split(pairs)
    values = [
        measure_ece(trust, is_right),
        measure_aurc(trust, is_right),
        measure_precision(trust, is_right, 0.75),
        measure_coverage(trust, 0.75),
        *measure_proved(trust, is_right),
    ]
    assert all(-1e-12 <= value <= 1 + 1e-12 for value in values)


@given(cases)
def test_no_order_has_a_smaller_area_than_the_perfect_one(pairs: list[tuple[float, bool]]) -> None:
    trust, is_right = split(pairs)
    assert measure_aurc(is_right.astype(float), is_right) <= measure_aurc(trust, is_right) + 1e-12
    assert measure_aurc(trust, is_right) <= measure_aurc(-is_right.astype(float), is_right) + 1e-12


def test_the_area_is_the_mean_over_all_orders_of_equal_scores() -> None:
    is_right = np.array([True, False, True, False])
    risks = [
        np.mean(np.cumsum([not right for right in order]) / np.arange(1, 5))
        for order in itertools.permutations(is_right)
    ]
    assert measure_aurc(np.full(4, 0.5), is_right) == pytest.approx(np.mean(risks))


@given(cases)
def test_the_curve_ends_with_everything_answered(pairs: list[tuple[float, bool]]) -> None:
    trust, is_right = split(pairs)
    coverage, risk = trace_risk(trust, is_right)
    assert coverage[-1] == 1
    assert risk[-1] == pytest.approx(1 - is_right.mean())


def test_calibrated_probabilities_have_no_error_and_overconfident_ones_what_they_overstate() -> None:
    is_right = np.array([True] * 7 + [False] * 3)
    assert measure_ece(np.full(10, 0.7), is_right) == pytest.approx(0)
    assert measure_ece(np.full(10, 0.9), is_right) == pytest.approx(0.2)
    assert measure_ece(np.array([0.0, 1.0]), np.array([True, False])) == pytest.approx(1)


def test_macro_f1_counts_every_label_alike() -> None:
    truth, guesses = np.array(["a"] * 8 + ["b"] * 2), np.array(["a"] * 10)
    assert measure_macro_f1(truth, guesses) == pytest.approx((16 / 18 + 0) / 2)
    assert measure_macro_f1(truth, np.array(["a"] * 8 + ["c", "b"])) == pytest.approx((1 + 2 / 3) / 2)


def test_precision_and_coverage_are_of_what_is_answered() -> None:
    trust, is_right = np.array([0.9, 0.75, 0.74, 0.1]), np.array([True, False, False, True])
    assert (measure_precision(trust, is_right, 0.75), measure_coverage(trust, 0.75)) == (0.5, 0.5)
    assert (measure_precision(trust, is_right, 0.95), measure_coverage(trust, 0.95)) == (1.0, 0.0)


@given(scores, scores)
def test_auroc_is_the_share_of_pairs_in_order(inside: list[float], outside: list[float]) -> None:
    pairs = [(a > b) + (a == b) / 2 for a in inside for b in outside]
    assert measure_auroc(np.array(inside), np.array(outside)) == pytest.approx(np.mean(pairs))


@given(scores, scores, st.sampled_from([0.5, 0.9, 1.0]))
def test_as_many_strangers_are_rejected_as_the_share_kept_allows(
    inside: list[float], outside: list[float], kept: float
) -> None:
    allowed = [np.mean(np.array(outside) < cut) for cut in inside if np.mean(np.array(inside) >= cut) >= kept]
    assert measure_rejected(np.array(inside), np.array(outside), kept=kept) == pytest.approx(max(allowed))


def test_a_sure_classifier_answers_everything_and_a_bad_one_nothing() -> None:
    assert measure_proved(np.full(600, 0.9), np.full(600, True)) == (1.0, 1.0)
    assert measure_proved(np.full(600, 0.9), np.arange(600) % 2 == 0)[1] == 0.0
