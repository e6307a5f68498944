"""The threshold that is proved to give a wanted precision."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from agent.intents.threshold import bound_precision, choose_threshold

cases = st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=80)


@given(total=st.integers(1, 400), share=st.floats(0, 1), confidence=st.floats(0.5, 0.999))
def test_the_bound_is_clopper_and_pearsons(total: int, share: float, confidence: float) -> None:
    right = round(share * total)
    exact = binomtest(right, total, alternative="greater").proportion_ci(confidence, method="exact").low
    assert bound_precision(right, total, confidence) == pytest.approx(exact, abs=1e-9)


@pytest.mark.parametrize(("clean", "is_enough"), [(148, False), (149, True)])
def test_98_percent_need_149_cases_without_an_error(clean: int, is_enough: bool) -> None:
    threshold = choose_threshold([0.9] * clean, [True] * clean)
    assert (threshold == 0.9) if is_enough else (threshold is None)


def test_errors_below_are_cut_off() -> None:
    trusts = [0.95] * 200 + [0.8] * 50
    assert choose_threshold(trusts, [True] * 200 + [False] * 50) == 0.95
    assert choose_threshold(trusts, [True] * 250) == 0.8


def test_it_is_never_below_the_floor() -> None:
    assert choose_threshold([0.9] * 200 + [0.5] * 200, [True] * 400) == 0.9
    assert choose_threshold([0.9] * 200 + [0.5] * 200, [True] * 400, floor=0.4) == 0.5


def test_equal_trusts_are_not_divided() -> None:
    assert choose_threshold([0.9] * 400, [True] * 200 + [False] * 200) is None


def test_without_cases_nothing_is_proved() -> None:
    assert choose_threshold([], []) is None


@settings(max_examples=200)
@given(cases=cases, precision=st.floats(0.5, 0.95), floor=st.floats(0, 1))
def test_it_is_the_smallest_that_is_proved(cases: list[tuple[float, bool]], precision: float, floor: float) -> None:
    trusts = np.array([trust for trust, _ in cases], np.float64)
    is_right = np.array([right for _, right in cases], bool)
    proved = [
        trust
        for trust in sorted(set(trusts.tolist()))
        if trust >= floor and bound_precision(is_right[trusts >= trust].sum(), (trusts >= trust).sum()) >= precision
    ]
    assert choose_threshold(trusts, is_right, precision=precision, floor=floor) == (proved[0] if proved else None)
