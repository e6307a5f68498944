"""Labelled examples, and how they are divided so that a classifier can be judged by what it has not seen."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from agent.intents.features import Features, TermWeights

FOLDS = 5
# Two texts this alike are one text said twice: apart, they would make held-out examples look like seen ones.
DUPLICATE_SIMILARITY = 0.95

_CHUNK = 1024
_WORD_BREAK = re.compile(r"[\W_]+|(?<=[a-z0-9])(?=[A-Z])")

Indices = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Example:
    """A text and what its writer wanted."""

    text: str
    label: str


def humanise_label(label: str) -> str:
    """A label as a person would say it, "card_arrival" as "card arrival": an example of itself. Has at least a word."""
    return " ".join(_WORD_BREAK.sub(" ", label).lower().split()) or f"label {label}"


def hash_examples(examples: Sequence[Example], out_of_scope: Sequence[str], embedder_name: str | None) -> str:
    """SHA-256 (hex) of everything a classifier learns from, in this order."""
    digest = hashlib.sha256((embedder_name or "").encode())
    for text in (part for example in examples for part in (example.label, example.text)):
        digest.update(text.encode("utf-8", "surrogatepass") + b"\x1f")
    for text in out_of_scope:
        digest.update(b"\x1e" + text.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def group_near_duplicates(features: Features, similarity: float = DUPLICATE_SIMILARITY) -> Indices:
    """The number of the group each text belongs to, shape (n,): texts alike, directly or through others."""
    rows, columns = [], []
    for start in range(0, len(features), _CHUNK):
        part = features.take(np.arange(start, min(start + _CHUNK, len(features))))
        row, column = np.nonzero(part.measure_similarity(features) >= similarity)
        rows.append(row + start)
        columns.append(column)
    if not rows:
        return np.empty(0, np.intp)
    links = np.concatenate(rows), np.concatenate(columns)
    graph = coo_matrix((np.ones(len(links[0]), np.bool_), links), shape=(len(features), len(features)))
    return np.asarray(connected_components(graph, directed=False)[1], np.intp)


def fold_examples(
    examples: Sequence[Example], folds: int, *, similarity: float | None = None, seed: int = 0
) -> Indices:
    """A fold for each example, shape (n,), as `assign_folds` does it; texts whose words are this alike share one.

    By words alone, so that a division does not depend on which embedding model is installed.
    """
    texts = [example.text for example in examples]
    _, labels = np.unique([example.label for example in examples], return_inverse=True)
    groups = np.arange(len(examples))
    if similarity is not None:
        # The labels' names have words even where no text has one, and terms cannot be learned without any.
        terms = TermWeights.fit([*texts, *sorted({humanise_label(example.label) for example in examples})])
        groups = group_near_duplicates(Features(terms.transform(texts), None), similarity)
    return assign_folds(labels, groups, np.random.default_rng(seed), folds)


def assign_folds(labels: Indices, groups: Indices, rng: np.random.Generator, folds: int = FOLDS) -> Indices:
    """A fold for each example, shape (n,): no group in two folds, every label spread over them as evenly as can be."""
    order = rng.permutation(len(groups))
    names, firsts = np.unique(groups[order], return_index=True)
    leaders = order[firsts]
    by_label = names[np.lexsort((rng.permutation(len(names)), labels[leaders]))]
    fold_of = np.empty(groups.max(initial=-1) + 1, np.intp)
    fold_of[by_label] = np.arange(len(by_label)) % folds
    return fold_of[groups]
