"""How good the intent classifier is: trained and tested on each division of a set, with progress shown."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
from rich.progress import Progress, TaskID

from agent.evaluation.datasets import Division, IntentSet
from agent.evaluation.measures import (
    Flags,
    Scores,
    measure_aurc,
    measure_auroc,
    measure_coverage,
    measure_ece,
    measure_macro_f1,
    measure_precision,
    measure_proved,
    measure_rejected,
)
from agent.evaluation.results import Row
from agent.intents.classifier import IntentClassifier, IntentGuess
from agent.intents.threshold import FLOOR
from agent.intents.train import train_classifier
from agent.knowledge.embedder import Embedder

# The share of strangers in the traffic that the set NAME_mixed stands for.
MIXED_SHARE = 0.1
_CHUNK = 256


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What the classifier said of n tested texts and m strangers.

    `strangers` is the trust of the strangers, shape (m,); all else is of shape (n,).
    """

    truth: npt.NDArray[np.str_]
    guesses: npt.NDArray[np.str_]
    probability: Scores
    trust: Scores
    strangers: Scores

    @property
    def is_right(self) -> Flags:
        """Whether each guess is the label."""
        return np.asarray(self.truth == self.guesses, bool)


class RememberingEmbedder:
    """An Embedder that keeps every vector for the length of a run: sets share texts, and folds share all of them."""

    def __init__(self, embedder: Embedder) -> None:
        """Nothing is embedded yet."""
        self._embedder = embedder
        self._vectors: dict[str, npt.NDArray[np.float32]] = {}

    @property
    def name(self) -> str:
        """The model's."""
        return self._embedder.name

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """As the embedder does; texts embedded before are remembered."""
        missing = [text for text in dict.fromkeys(texts) if text not in self._vectors]
        self._vectors.update(zip(missing, self._embedder.embed(missing), strict=True))
        return np.stack([self._vectors[text] for text in texts]) if texts else self._embedder.embed([])


def measure_set(intent_set: IntentSet, embedder: Embedder | None, progress: Progress) -> tuple[list[Row], Verdicts]:
    """Every figure of one set, and the verdicts they are taken from."""
    steps = sum(len(_list_texts(division)) for division in intent_set.divisions) if embedder else 0
    task = progress.add_task(intent_set.name, total=steps + len(intent_set.divisions))
    parts = []
    for number, division in enumerate(intent_set.divisions, 1):
        name = f"{intent_set.name}, part {number} of {len(intent_set.divisions)}"
        parts.append(_judge(division, embedder, progress, task, name))
    verdicts = _merge(parts)
    return list_rows(intent_set.name, verdicts), verdicts


def list_rows(name: str, verdicts: Verdicts) -> list[Row]:
    """The figures of `verdicts`: of what is in scope, and of strangers and of mixed traffic where there are any."""
    rows = {
        "accuracy": float(verdicts.is_right.mean()),
        "macro_f1": measure_macro_f1(verdicts.truth, verdicts.guesses),
        "ece": measure_ece(verdicts.probability, verdicts.is_right),
        **_measure_abstention(verdicts.trust, verdicts.is_right),
    }
    if not len(verdicts.strangers):
        return [Row(name, measure, value) for measure, value in rows.items()]
    rows["oos_auroc"] = measure_auroc(verdicts.trust, verdicts.strangers)
    rows["oos_rejected_at_90"] = measure_rejected(verdicts.trust, verdicts.strangers)
    rows["oos_recall"] = 1 - measure_coverage(verdicts.strangers, FLOOR)
    trust, is_right = _mix(verdicts)
    mixed = {"ece": measure_ece(trust, is_right), **_measure_abstention(trust, is_right)}
    return [
        *(Row(name, measure, value) for measure, value in rows.items()),
        *(Row(f"{name}_mixed", measure, value) for measure, value in mixed.items()),
    ]


def _measure_abstention(trust: Scores, is_right: Flags) -> dict[str, float]:
    precision, coverage = measure_proved(trust, is_right)
    return {
        "aurc": measure_aurc(trust, is_right),
        f"precision_at_{FLOOR}": measure_precision(trust, is_right, FLOOR),
        f"coverage_at_{FLOOR}": measure_coverage(trust, FLOOR),
        "precision_at_cp98": precision,
        "coverage_at_cp98": coverage,
    }


def _mix(verdicts: Verdicts) -> tuple[Scores, Flags]:
    """Trust and correctness of traffic in which every tenth text is out of scope, where no guess is right."""
    count = round(len(verdicts.trust) * MIXED_SHARE / (1 - MIXED_SHARE))
    drawn = np.random.default_rng(0).permutation(len(verdicts.strangers))[:count]
    trust = np.concatenate([verdicts.trust, verdicts.strangers[drawn]])
    return trust, np.concatenate([verdicts.is_right, np.zeros(len(drawn), bool)])


def _judge(division: Division, embedder: Embedder | None, progress: Progress, task: TaskID, name: str) -> Verdicts:
    def report(done: int, total: int) -> None:
        # Embedding is what the bar measures, and of large files training takes longer: the words beside it go on.
        progress.update(task, description=f"{name}, model {done + 1} of {total}")

    progress.update(task, description=name)
    if embedder is not None:
        _embed_ahead(division, embedder, progress, task)
    classifier = train_classifier(division.train, division.out_of_scope, embedder, report=report)
    tested = _classify(classifier, [example.text for example in division.test], embedder)
    strangers = _classify(classifier, division.strangers, embedder)
    progress.advance(task)
    return Verdicts(
        truth=np.array([example.label for example in division.test]),
        guesses=np.array([guess.label for guess in tested]),
        probability=np.array([guess.probability for guess in tested]),
        trust=np.array([guess.trust for guess in tested]),
        strangers=np.array([guess.trust for guess in strangers]),
    )


def _classify(classifier: IntentClassifier, texts: Sequence[str], embedder: Embedder | None) -> list[IntentGuess]:
    return classifier.classify(texts, None if embedder is None else embedder.embed(texts))


def _embed_ahead(division: Division, embedder: Embedder, progress: Progress, task: TaskID) -> None:
    """Embedding takes longest, so it is what the bar shows."""
    texts = _list_texts(division)
    for start in range(0, len(texts), _CHUNK):
        chunk = texts[start : start + _CHUNK]
        embedder.embed(chunk)
        progress.advance(task, len(chunk))


def _list_texts(division: Division) -> list[str]:
    return [
        *(example.text for example in (*division.train, *division.test)),
        *division.out_of_scope,
        *division.strangers,
    ]


def _merge(parts: Sequence[Verdicts]) -> Verdicts:
    return Verdicts(
        *(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Verdicts)),
    )
