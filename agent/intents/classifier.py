"""The classifier: which of a desk's labels a text has, how likely that is, and how far the guess can be trusted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

from agent.intents.examples import Example
from agent.intents.experts import VOTE_SHARPNESS, Experts
from agent.intents.features import Features, TermWeights
from agent.intents.pool import Weights, pool_scores
from agent.intents.trust import Array64, TrustHead, gather_evidence

# How alike a text is at least counted to be to the texts of one kind: none of them is more unlike than this tells.
_UNLIKE = np.log(1e-9)


@dataclass(frozen=True, slots=True)
class Nearest:
    """The example that is most alike, by meaning if there is an embedder, else by words; -1 to 1."""

    text: str
    label: str
    similarity: float


@dataclass(frozen=True, slots=True)
class IntentGuess:
    """`probability` is over the labels, given that one of them is right.

    `trust` is the probability that `label` is right and the text in scope: the number a threshold is put on.
    """

    label: str
    probability: float
    trust: float
    runner_up: str
    runner_up_probability: float
    nearest: Nearest


@dataclass(frozen=True, slots=True)
class IntentClassifier:
    """Made by `train_classifier` or `load`. Calls may come from any thread.

    `version` is a hash of what it was trained on and of the embedder's name. `known` and `strangers` are the features
    of `examples`, of which the first are the labels' own names, and of `out_of_scope`. `measured` is how well held-out
    examples were told apart (see `train.measure_held_out`).
    """

    version: str
    embedder_name: str | None
    labels: tuple[str, ...]
    examples: tuple[Example, ...]
    out_of_scope: tuple[str, ...]
    terms: TermWeights
    known: Features
    strangers: Features
    experts: Experts
    weights: Weights
    head: TrustHead
    measured: Mapping[str, float]

    def classify(self, texts: Sequence[str], vectors: npt.NDArray[np.float32] | None) -> list[IntentGuess]:
        """One guess per text. `vectors`: the embedder's, shape (len(texts), dimensions); None if there was none.

        Raises ValueError when the classifier was trained with an embedder and there are no vectors, or the reverse.
        """
        if (vectors is None) != (self.embedder_name is None):
            raise ValueError(f"this classifier was trained with the embedder {self.embedder_name}")
        features = Features(self.terms.transform(texts), vectors)
        opinions = self.experts.judge(features)
        log_probabilities = pool_scores(opinions.scores, self.weights)
        probabilities = np.exp(log_probabilities)
        best, second = np.argsort(-probabilities, axis=1, kind="stable")[:, :2].T
        rows = np.arange(len(texts))
        strangeness = measure_strangeness(features, self.strangers) if len(texts) else np.empty(0)
        evidence = gather_evidence(opinions, log_probabilities, strangeness)
        trusts = self.head.estimate(probabilities[rows, best], evidence)
        return [
            IntentGuess(
                label=self.labels[best[row]],
                probability=float(probabilities[row, best[row]]),
                trust=float(trusts[row]),
                runner_up=self.labels[second[row]],
                runner_up_probability=float(probabilities[row, second[row]]),
                nearest=self._show_nearest(int(opinions.nearest[row]), float(opinions.likeness[row].max())),
            )
            for row in rows
        ]

    def has_learned(self, text: str) -> bool:
        """Whether just this text is one of its examples."""
        return any(example.text == text for example in self.examples)

    def _show_nearest(self, index: int, similarity: float) -> Nearest:
        example = self.examples[index]
        return Nearest(example.text, example.label, similarity)


def measure_strangeness(features: Features, strangers: Features, *, is_same: bool = False) -> Array64:
    """How alike texts are to those known to be out of scope, shape (n,); all 0 if there are none.

    `is_same`: `features` are the strangers themselves, and none is compared with itself.
    """
    if len(strangers) <= is_same:
        return np.zeros(len(features))
    similarity = features.measure_similarity(strangers).astype(np.float64)
    if is_same:
        np.fill_diagonal(similarity, -np.inf)
    votes = logsumexp(VOTE_SHARPNESS * (similarity - 1), axis=1) - np.log(len(strangers) - is_same)
    return np.asarray(np.maximum(votes, _UNLIKE), np.float64)
