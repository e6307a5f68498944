"""The opinions that are pooled: votes of the examples alike, and linear models over meaning and over everything."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix, hstack
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from agent.intents.features import Array, Features

Indices = npt.NDArray[np.intp]

# How fast an example's vote falls with its distance. Measured on Banking77's train part: 20 to 30 differ little.
VOTE_SHARPNESS = np.float32(24)
# A label without a vote is unlikely, not impossible.
_NO_VOTE = np.float32(1e-9)
# Of meaning beside words, whose length is 1, in the model over everything.
_MEANING_SCALE = np.float32(2)
_CHUNK = 256

# Weights of the pool, in the order of `Experts.judge`, where there is too little to fit them.
USUAL_WEIGHTS = np.array([0.1, 1.2, 0.4, 0.6])
USUAL_WEIGHTS_OF_WORDS = np.array([0.1, 8.0])


@dataclass(frozen=True, slots=True)
class Opinions:
    """What the experts say of n texts.

    `scores`: shape (experts, n, labels), higher is likelier, each expert on a scale of its own. `likeness` and
    `wording`: shape (n, labels), the similarity to the example of each label that is most alike, by meaning (else
    by words) and by words. `nearest`: shape (n,), the example most alike.
    """

    scores: Array
    likeness: Array
    wording: Array
    nearest: Indices

    @classmethod
    def concatenate(cls, parts: "Sequence[Opinions]") -> "Opinions":
        """Of all texts of all parts; at least one part."""
        return cls(
            np.concatenate([part.scores for part in parts], axis=1),
            np.concatenate([part.likeness for part in parts]),
            np.concatenate([part.wording for part in parts]),
            np.concatenate([part.nearest for part in parts]),
        )


@dataclass(frozen=True, slots=True)
class Linear:
    """Scores by weights of shape (features, labels) and a bias of shape (labels,)."""

    weights: Array
    bias: Array

    def score(self, features: csr_matrix | Array) -> Array:
        """Shape (n, labels)."""
        return np.asarray(features @ self.weights + self.bias, np.float32)


class Neighbours:
    """Every example, to be compared with. Each label from 0 on has at least one.

    `metric`, if there is meaning, is that of `fit_metric`: votes by meaning are counted in its terms.
    """

    def __init__(self, examples: Features, labels: Indices, metric: Array | None) -> None:
        """`labels`: shape (n,). Examples are kept by label, so that a label's are one slice."""
        self.metric = metric
        self._order = np.argsort(labels, kind="stable")
        ordered = examples.take(self._order)
        self._starts = np.flatnonzero(np.diff(labels[self._order], prepend=-1))
        # Turned once, not for each text.
        self._words = csr_matrix(ordered.words.T)
        self._meaning: tuple[Array, Array] | None = None
        if ordered.meaning is not None and metric is not None:
            turned = _turn(ordered.meaning, metric)
            self._meaning = np.ascontiguousarray(ordered.meaning.T), np.ascontiguousarray(turned.T)

    def compare(self, features: Features) -> Opinions:
        """The votes by words and, if there is meaning, by meaning."""
        wording = np.asarray((features.words @ self._words).toarray(), np.float32)
        likeness = wording
        votes = [self._count_votes(wording)]
        if self._meaning is not None and self.metric is not None and features.meaning is not None:
            meaning, turned = self._meaning
            likeness = features.meaning @ meaning
            votes.append(self._count_votes(_turn(features.meaning, self.metric) @ turned))
        return Opinions(
            np.stack(votes),
            np.maximum.reduceat(likeness, self._starts, axis=1),
            np.maximum.reduceat(wording, self._starts, axis=1),
            self._order[likeness.argmax(axis=1)],
        )

    def _count_votes(self, similarity: Array) -> Array:
        """Log of the votes for each label: the more like it an example is, the more its vote weighs."""
        votes = np.add.reduceat(np.exp(VOTE_SHARPNESS * (similarity - 1)), self._starts, axis=1)
        return np.log(votes + _NO_VOTE)


@dataclass(frozen=True, slots=True)
class Experts:
    """All that is fitted on examples. Without meaning, words decide alone. Reading is thread-safe."""

    neighbours: Neighbours
    by_all: Linear
    by_meaning: Linear | None

    def judge(self, features: Features) -> Opinions:
        """What each expert says: votes by words, all features, then, if there is meaning, votes by it and meaning."""
        starts = range(0, max(len(features), 1), _CHUNK)
        return Opinions.concatenate([self._judge(features.take(_slice(features, start))) for start in starts])

    def _judge(self, features: Features) -> Opinions:
        votes = self.neighbours.compare(features)
        scores = [votes.scores[0], self.by_all.score(_join(features)), *votes.scores[1:]]
        if self.by_meaning is not None and features.meaning is not None:
            scores.append(self.by_meaning.score(features.meaning))
        return Opinions(np.stack(scores), votes.likeness, votes.wording, votes.nearest)


def fit_experts(features: Features, labels: Indices, *, seed: int) -> Experts:
    """Fit all on texts whose labels are numbers from 0 on, shape (n,); every label must occur, and at least two."""
    label_count = int(labels.max()) + 1
    by_meaning = None
    with warnings.catch_warnings():
        # Of labels with few examples and of fits that stop early: both are usual, and calibration judges what came out.
        warnings.simplefilter("ignore", UserWarning)
        if features.meaning is not None:
            by_meaning = _read_linear(_fit_logistic(features.meaning, labels), label_count)
        by_all = _read_linear(_fit_svm(_join(features), labels, seed), label_count)
    metric = None if features.meaning is None else fit_metric(features.meaning, labels)
    return Experts(Neighbours(features, labels, metric), by_all, by_meaning)


def fit_metric(meaning: Array, labels: Indices) -> Array:
    """What turns vectors so that the ways in which texts of one label differ tell little: (dimensions, dimensions).

    The inverse root of the covariance within labels, drawn halfway to a sphere (as in linear discriminant analysis).
    With it the pool errs less, and is better calibrated, than with votes by meaning as it is: on held-out halves of
    Banking77's train part, with 10 and with 100 examples of a label.
    """
    label_count = int(labels.max()) + 1
    means = np.zeros((label_count, meaning.shape[1]))
    np.add.at(means, labels, meaning)
    means /= np.bincount(labels, minlength=label_count)[:, None]
    spread = meaning - means[labels]
    covariance = spread.T @ spread / max(len(labels) - label_count, 1)
    sphere = np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    if not sphere.any():  # no label has two different texts
        return np.eye(len(covariance), dtype=np.float32)
    variances, directions = np.linalg.eigh((covariance + sphere) / 2)
    return np.asarray(directions / np.sqrt(variances), np.float32)


def _turn(meaning: Array, metric: Array) -> Array:
    """Vectors in terms of the metric, of unit length again."""
    turned = meaning @ metric
    return np.asarray(turned / np.linalg.norm(turned, axis=1, keepdims=True), np.float32)


def _fit_svm(features: csr_matrix, labels: Indices, seed: int) -> LinearSVC:
    return LinearSVC(C=1.0, max_iter=1000, tol=1e-2, random_state=seed).fit(features, labels)


def _fit_logistic(features: Array, labels: Indices) -> LogisticRegression:
    return LogisticRegression(C=30, max_iter=1000, tol=1e-3).fit(features, labels)


def _read_linear(model: LinearSVC | LogisticRegression, label_count: int) -> Linear:
    weights, bias = model.coef_.T.astype(np.float32), model.intercept_.astype(np.float32)
    if label_count == 2:  # scikit-learn keeps the second label's alone
        weights, bias = np.hstack([-weights, weights]), np.concatenate([-bias, bias])
    return Linear(np.ascontiguousarray(weights), bias)


def _join(features: Features) -> csr_matrix:
    if features.meaning is None:
        return features.words
    return hstack([features.words, csr_matrix(_MEANING_SCALE * features.meaning)], format="csr")


def _slice(features: Features, start: int) -> Indices:
    return np.arange(start, min(start + _CHUNK, len(features)))
