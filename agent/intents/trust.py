"""How likely it is that a guess is right and that its text is in scope at all."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit, logit

from agent.intents.experts import Opinions

Array64 = npt.NDArray[np.float64]

_CERTAIN = 1e-6
# Pull towards the probability as it is, without a correction.
_PENALTY = 5.0
# In standard deviations: what is further off than calibration has seen counts as that far, or it would swamp the rest.
_FARTHEST = 4.0


@dataclass(frozen=True, slots=True)
class TrustHead:
    """A logistic regression that corrects the pool's probability by the evidence of `gather_evidence`, standardised."""

    mean: Array64
    scale: Array64
    weights: Array64
    bias: float

    def estimate(self, probability: Array64, evidence: Array64) -> Array64:
        """Shape (n,), each in (0, 1)."""
        corrections = _standardise(evidence, self.mean, self.scale) @ self.weights + self.bias
        return np.asarray(expit(_find_odds(probability) + corrections), np.float64)


def gather_evidence(opinions: Opinions, log_probabilities: Array64, strangeness: Array64) -> Array64:
    """What speaks for and against the first label, shape (n, 7 + 2 * experts).

    `strangeness`: shape (n,), how much more alike the text is to texts known to be out of scope.
    """
    rows = np.arange(len(log_probabilities))
    guess = log_probabilities.argmax(axis=1)
    probabilities = np.sort(np.exp(log_probabilities), axis=1)
    entropy = -(np.exp(log_probabilities) * log_probabilities).sum(axis=1)
    of_guess = opinions.scores[:, rows, guess].astype(np.float64)
    own_likeness = opinions.likeness[rows, guess]
    return np.column_stack(
        [
            _find_odds(probabilities[:, -1]),
            probabilities[:, -1] - probabilities[:, -2],
            entropy,
            own_likeness,
            own_likeness - _find_best_other(opinions.likeness, guess),
            opinions.wording[rows, guess],
            strangeness,
            *of_guess,
            *(
                of_expert - _find_best_other(scores, guess)
                for of_expert, scores in zip(of_guess, opinions.scores, strict=True)
            ),
        ]
    )


def fit_trust(probability: Array64, evidence: Array64, is_right: npt.NDArray[np.bool_], weight: Array64) -> TrustHead:
    """Fit on held-out texts, each counted `weight` times; with few of them the probability stays as it is."""
    if not len(evidence):
        width = evidence.shape[1]
        return TrustHead(np.zeros(width), np.ones(width), np.zeros(width), 0.0)
    mean, scale = evidence.mean(axis=0), evidence.std(axis=0)
    scale = np.where(scale > _CERTAIN, scale, 1.0)
    features = np.column_stack([_standardise(evidence, mean, scale), np.ones(len(evidence))])
    odds = _find_odds(probability)
    sign = np.where(is_right, 1.0, -1.0)

    def measure_loss(weights: Array64) -> tuple[float, Array64]:
        margins = sign * (odds + features @ weights)
        loss = (weight * np.logaddexp(0, -margins)).sum() + _PENALTY * np.square(weights).sum() / 2
        return loss, -features.T @ (weight * sign * expit(-margins)) + _PENALTY * weights

    fitted = minimize(measure_loss, np.zeros(features.shape[1]), jac=True, method="L-BFGS-B")
    return TrustHead(mean, scale, fitted.x[:-1], float(fitted.x[-1]))


def _standardise(evidence: Array64, mean: Array64, scale: Array64) -> Array64:
    return np.asarray(np.clip((evidence - mean) / scale, -_FARTHEST, _FARTHEST), np.float64)


def _find_odds(probability: Array64) -> Array64:
    return np.asarray(logit(np.clip(probability, _CERTAIN, 1 - _CERTAIN)), np.float64)


def _find_best_other(scores: npt.NDArray[np.float32], guess: npt.NDArray[np.intp]) -> Array64:
    """The highest score of another label; `scores`: shape (…, n, labels)."""
    others = scores.astype(np.float64)
    others[..., np.arange(len(guess)), guess] = -np.inf
    return np.asarray(others.max(axis=-1))
