"""From a wanted precision to the threshold that is known to give it."""

import numpy as np
import numpy.typing as npt
from scipy.stats import beta

WANTED_PRECISION = 0.98
FLOOR = 0.75


def choose_threshold(
    trusts: npt.ArrayLike,
    is_right: npt.ArrayLike,
    *,
    precision: float = WANTED_PRECISION,
    confidence: float = 0.95,
    floor: float = FLOOR,
) -> float | None:
    """The smallest threshold, at least `floor`, at which `precision` is proved; None where no threshold proves it.

    `trusts` and `is_right` are of verified cases, shape (n,). Proved means that the lower bound on the precision of
    everything from the threshold on reaches `precision`: with the defaults, at least 149 cases without an error.
    """
    trusts, is_right = np.asarray(trusts, np.float64), np.asarray(is_right, bool)
    order = np.argsort(-trusts, kind="stable")
    trusts, is_right = trusts[order], is_right[order]
    bounds = bound_precision(np.cumsum(is_right), np.arange(1, len(trusts) + 1), confidence)
    # Cases of equal trust stand on the same side of any threshold, so only the last of them is a place to cut.
    is_cut = np.append(trusts[1:] != trusts[:-1], True)[: len(trusts)]
    holds = np.flatnonzero(is_cut & (bounds >= precision) & (trusts >= floor))
    if not len(holds):
        return None
    return float(trusts[holds[-1]])


def bound_precision(right: npt.ArrayLike, total: npt.ArrayLike, confidence: float = 0.95) -> npt.NDArray[np.float64]:
    """Clopper–Pearson: what the precision is at least, with this confidence, after `right` of `total` cases."""
    right, total = np.asarray(right, np.float64), np.asarray(total, np.float64)
    bounds = beta.ppf(1 - confidence, right, total - right + 1)
    return np.where(right > 0, bounds, 0.0)
