"""Training: fit on all examples, and calibrate on what models fitted without them say of held-out ones."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from agent.evaluation.measures import Flags, measure_coverage, measure_ece, measure_precision
from agent.intents.classifier import IntentClassifier, measure_strangeness
from agent.intents.examples import (
    FOLDS,
    Example,
    assign_folds,
    group_near_duplicates,
    hash_examples,
    humanise_label,
)
from agent.intents.experts import USUAL_WEIGHTS, USUAL_WEIGHTS_OF_WORDS, Opinions, fit_experts
from agent.intents.features import Features, TermWeights
from agent.intents.pool import Weights, fit_weights, pool_scores
from agent.intents.threshold import FLOOR
from agent.intents.trust import Array64, TrustHead, fit_trust, gather_evidence
from agent.knowledge.embedder import Embedder
from core.errors import OperatorError

# Enough to fit a few weights by. Each further fold would cost a whole training.
ENOUGH_HELD_OUT = 6000
# The share of a desk's messages that calibration takes to be out of scope, however many such examples there are.
STRANGER_SHARE = 0.1


# How many of a training's models are fitted, and how many it needs.
Report = Callable[[int, int], None]


class TooFewLabels(OperatorError):
    """There is nothing to tell apart."""


@dataclass(frozen=True, slots=True)
class HeldOut:
    """What was said of texts by models that had not seen them. `labels`: -1 is out of scope."""

    opinions: Opinions
    labels: npt.NDArray[np.intp]
    strangeness: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Calibration:
    """What is fitted on held-out texts, and how well it does on them."""

    weights: Weights
    head: TrustHead
    measured: Mapping[str, float]


def train_classifier(
    examples: Sequence[Example],
    out_of_scope: Sequence[str],
    embedder: Embedder | None,
    *,
    seed: int = 0,
    report: Report = lambda *_: None,
) -> IntentClassifier:
    """Train on labelled examples, and on texts that have none of the labels, if there are some.

    The same input gives the same classifier. Takes seconds for a thousand examples. Raises TooFewLabels when there are
    fewer than two.
    """
    names = sorted({example.label for example in examples})
    if len(names) < 2:
        raise TooFewLabels(f"a classifier needs examples of at least two labels, not of {len(names)}")
    # A label's own name is an example of it, and it is never held out: so every label occurs in every fold.
    known = [*(Example(humanise_label(name), name) for name in names), *examples]
    numbers = {name: number for number, name in enumerate(names)}
    labels = np.array([numbers[example.label] for example in known], np.intp)
    texts = [example.text for example in known]
    terms = TermWeights.fit(texts)
    features = extract_features(texts, terms, embedder)
    strangers = extract_features(out_of_scope, terms, embedder)

    held_out = hold_out(features, labels, strangers, len(names), seed, report)
    calibration = calibrate(held_out, USUAL_WEIGHTS_OF_WORDS if embedder is None else USUAL_WEIGHTS)
    embedder_name = None if embedder is None else embedder.name
    return IntentClassifier(
        version=hash_examples(examples, out_of_scope, embedder_name),
        embedder_name=embedder_name,
        labels=tuple(names),
        examples=tuple(known),
        out_of_scope=tuple(out_of_scope),
        terms=terms,
        known=features,
        strangers=strangers,
        experts=fit_experts(features, labels, seed=seed),
        weights=calibration.weights,
        head=calibration.head,
        measured=calibration.measured,
    )


def extract_features(texts: Sequence[str], terms: TermWeights, embedder: Embedder | None) -> Features:
    """Of each text, in order."""
    return Features(terms.transform(texts), None if embedder is None else embedder.embed(list(texts)))


def hold_out(  # noqa: PLR0917  # what a training has at hand
    features: Features,
    labels: npt.NDArray[np.intp],
    strangers: Features,
    name_count: int,
    seed: int,
    report: Report,
) -> HeldOut:
    """Judge examples, beyond the first `name_count`, and strangers by models fitted without them, fold by fold."""
    rng = np.random.default_rng(seed)
    folds = np.full(len(labels), -1)
    own = np.arange(name_count, len(labels))
    folds[own] = assign_folds(labels[own], group_near_duplicates(features.take(own)), rng)
    used = min(FOLDS, max(1, round(ENOUGH_HELD_OUT * FOLDS / len(own))))
    stranger_folds = rng.permutation(len(strangers)) % used
    strangeness = measure_strangeness(strangers, strangers, is_same=True)
    parts = []
    for fold in range(used):
        report(fold, used + 1)
        held = np.flatnonzero(folds == fold)
        seen = np.flatnonzero(folds != fold)
        odd = np.flatnonzero(stranger_folds == fold)
        experts = fit_experts(features.take(seen), labels[seen], seed=seed)
        held_features = features.take(held)
        parts.append(HeldOut(experts.judge(held_features), labels[held], measure_strangeness(held_features, strangers)))
        parts.append(HeldOut(experts.judge(strangers.take(odd)), np.full(len(odd), -1), strangeness[odd]))
    report(used, used + 1)
    return HeldOut(
        Opinions.concatenate([part.opinions for part in parts]),
        np.concatenate([part.labels for part in parts]),
        np.concatenate([part.strangeness for part in parts]),
    )


def calibrate(held_out: HeldOut, usual_weights: Weights) -> Calibration:
    """The weights of the pool, from what is in scope, and the trust head, from everything."""
    is_known = held_out.labels >= 0
    scores = held_out.opinions.scores
    weights = fit_weights(scores[:, is_known], held_out.labels[is_known], usual_weights)
    log_probabilities = pool_scores(scores, weights)
    probabilities = np.exp(log_probabilities.max(axis=1))
    evidence = gather_evidence(held_out.opinions, log_probabilities, held_out.strangeness)
    is_right = log_probabilities.argmax(axis=1) == held_out.labels
    stranger_count = max(int((~is_known).sum()), 1)
    stranger_weight = is_known.sum() / stranger_count * STRANGER_SHARE / (1 - STRANGER_SHARE)
    head = fit_trust(probabilities, evidence, is_right, np.where(is_known, 1.0, stranger_weight))
    trust = head.estimate(probabilities, evidence)
    return Calibration(weights, head, measure_held_out(probabilities, trust, is_right, is_known))


def measure_held_out(probabilities: Array64, trust: Array64, is_right: Flags, is_known: Flags) -> dict[str, float]:
    """How good a classifier is by the held-out texts it was calibrated on, so slightly flattered: a few numbers are
    fitted to them, of thousands.

    `held_out` texts in scope and of them `accuracy`, `ece`, and precision and coverage from FLOOR on; `strangers` held
    out and, where there are some, the share of them `strangers_below` FLOOR.
    """
    inside, outside = trust[is_known], trust[~is_known]
    measured = {
        "held_out": float(len(inside)),
        "accuracy": float(is_right[is_known].mean()),
        "ece": measure_ece(probabilities[is_known], is_right[is_known]),
        f"precision_at_{FLOOR}": measure_precision(inside, is_right[is_known], FLOOR),
        f"coverage_at_{FLOOR}": measure_coverage(inside, FLOOR),
        "strangers": float(len(outside)),
    }
    if len(outside):
        measured["strangers_below"] = 1 - measure_coverage(outside, FLOOR)
    return measured
