"""The measures of a classifier that may abstain. `is_right` and scores are of the same n cases, shape (n,), n >= 1."""

import numpy as np
import numpy.typing as npt
from sklearn.metrics import f1_score, roc_auc_score

from agent.intents.threshold import choose_threshold

Scores = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

_ECE_BINS = 15
_HALVINGS = 50


def measure_macro_f1(truth: npt.NDArray[np.str_], guesses: npt.NDArray[np.str_]) -> float:
    """The F1 of every label that occurs in `truth`, averaged with equal weight."""
    labels = np.unique(truth)
    return float(f1_score(truth, guesses, labels=labels, average="macro", zero_division=0.0))


def measure_ece(probabilities: Scores, is_right: Flags) -> float:
    """Expected calibration error over 15 bins of equal width: how far said and true shares of right guesses differ."""
    bins = np.clip(np.ceil(probabilities * _ECE_BINS).astype(int) - 1, 0, _ECE_BINS - 1)
    gaps = np.bincount(bins, weights=probabilities - is_right, minlength=_ECE_BINS)
    return float(np.abs(gaps).sum() / len(is_right))


def trace_risk(scores: Scores, is_right: Flags) -> tuple[Scores, Scores]:
    """Coverage and risk (share of wrong guesses) when the best 1, 2, … n cases are answered, both of shape (n,).

    Cases of equal score come in no order, so each counts with their average error.
    """
    _, ties, counts = np.unique(-scores, return_inverse=True, return_counts=True)
    errors = (np.bincount(ties, weights=~is_right) / counts)[np.sort(ties)]
    answered = np.arange(1, len(scores) + 1)
    return answered / len(scores), np.cumsum(errors) / answered


def measure_aurc(scores: Scores, is_right: Flags) -> float:
    """Area under the risk–coverage curve: the mean risk over all coverages. 0 is best."""
    return float(trace_risk(scores, is_right)[1].mean())


def measure_precision(scores: Scores, is_right: Flags, threshold: float) -> float:
    """The share of right guesses among those from `threshold` on; 1 if there is none, since then none is wrong."""
    answered = scores >= threshold
    return float(is_right[answered].mean()) if answered.any() else 1.0


def measure_coverage(scores: Scores, threshold: float) -> float:
    """The share of cases from `threshold` on."""
    return float((scores >= threshold).mean())


def measure_auroc(inside: Scores, outside: Scores) -> float:
    """How likely a case in scope scores higher than one out of scope; 0.5 is chance."""
    is_inside = np.repeat([True, False], [len(inside), len(outside)])
    return float(roc_auc_score(is_inside, np.concatenate([inside, outside])))


def measure_rejected(inside: Scores, outside: Scores, *, kept: float = 0.9) -> float:
    """The share of what is out of scope that lies below the highest threshold which keeps `kept` of what is inside."""
    threshold = np.sort(inside)[::-1][int(np.ceil(kept * len(inside))) - 1]
    return float((outside < threshold).mean())


def measure_proved(scores: Scores, is_right: Flags, *, seed: int = 0) -> tuple[float, float]:
    """Precision and coverage at the threshold `choose_threshold` takes for a wanted precision of 98 %.

    Chosen on one random half and measured on the other, on average over 50 halvings. Where none can be chosen
    nothing is answered: coverage 0.
    """
    rng = np.random.default_rng(seed)
    halvings = [_measure_halving(scores, is_right, rng.permutation(len(scores))) for _ in range(_HALVINGS)]
    answering = [precision for precision, coverage in halvings if coverage]
    return float(np.mean(answering)) if answering else 1.0, float(np.mean([coverage for _, coverage in halvings]))


def _measure_halving(scores: Scores, is_right: Flags, order: npt.NDArray[np.intp]) -> tuple[float, float]:
    chosen, measured = order[: len(order) // 2], order[len(order) // 2 :]
    threshold = choose_threshold(scores[chosen], is_right[chosen])
    if threshold is None:
        return 1.0, 0.0
    rest = scores[measured], is_right[measured]
    return measure_precision(*rest, threshold), measure_coverage(rest[0], threshold)
