"""Several opinions made one probability: a weighted sum of scores, with the weights that fit held-out examples best."""

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import log_softmax

from agent.intents.features import Array

Indices = npt.NDArray[np.intp]
Weights = npt.NDArray[np.float64]

# Pull towards the usual weights.
_DOUBT = 5.0


def pool_scores(scores: Array, weights: Weights) -> npt.NDArray[np.float64]:
    """Log-probabilities of shape (n, labels), from scores of shape (experts, n, labels)."""
    return np.asarray(log_softmax(np.tensordot(weights, scores, axes=1), axis=1), np.float64)


def fit_weights(scores: Array, labels: Indices, usual: Weights) -> Weights:
    """The weights, none negative, of the highest likelihood for held-out `labels`, shape (n,).

    Their size is the temperature too, so the probabilities are calibrated. The fewer examples, the nearer to `usual`.
    """
    rows = np.arange(len(labels))

    def measure_loss(shares: Weights) -> tuple[float, Weights]:
        log_probabilities = pool_scores(scores, shares * usual)
        loss = -log_probabilities[rows, labels].sum() + _DOUBT * np.square(shares - 1).sum()
        expected = np.einsum("enl,nl->e", scores, np.exp(log_probabilities), optimize=True)
        observed = scores[:, rows, labels].sum(axis=1, dtype=np.float64)
        return loss, (expected - observed) * usual + 2 * _DOUBT * (shares - 1)

    fitted = minimize(measure_loss, np.ones(len(usual)), jac=True, method="L-BFGS-B", bounds=[(0, None)] * len(usual))
    return np.asarray(fitted.x * usual, np.float64)
