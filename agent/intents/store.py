"""A classifier as bytes, for a row of the database: JSON and numpy arrays. Reading it runs no code, as pickle would.

The bytes hold the examples, so they are as confidential as the messages these were.
"""

import io
import json
import zipfile
import zlib
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from agent.intents.classifier import IntentClassifier
from agent.intents.examples import Example
from agent.intents.experts import Experts, Linear, Neighbours
from agent.intents.features import Features, TermWeights
from agent.intents.trust import TrustHead

# Raised when the meaning of what is stored changes: another version is not read but trained anew.
FORMAT = 2


class StoreUnreadable(ValueError):
    """The bytes are not of a classifier of this version of the software."""


def dump(classifier: IntentClassifier) -> bytes:
    """Everything that `load` needs to classify exactly alike."""
    described = {
        "format": FORMAT,
        "version": classifier.version,
        "embedder_name": classifier.embedder_name,
        "labels": classifier.labels,
        "examples": [[example.text, example.label] for example in classifier.examples],
        "out_of_scope": classifier.out_of_scope,
        "measured": classifier.measured,
        "vocabularies": classifier.terms.vocabularies,
    }
    arrays: dict[str, npt.NDArray[Any]] = {
        "described": np.frombuffer(json.dumps(described).encode(), np.uint8),
        "pool": classifier.weights,
        **{f"terms_{kind}": weights for kind, weights in classifier.terms.weights.items()},
        **{f"head_{name}": np.asarray(value) for name, value in asdict(classifier.head).items()},
        **_name_linear("all", classifier.experts.by_all),
    }
    if classifier.experts.by_meaning is not None:
        arrays |= _name_linear("meaning", classifier.experts.by_meaning)
    if classifier.experts.neighbours.metric is not None:
        arrays["metric"] = classifier.experts.neighbours.metric
    for name, features in (("known", classifier.known), ("strangers", classifier.strangers)):
        if features.meaning is not None:
            arrays[f"{name}_meaning"] = features.meaning
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **arrays)
    return file.getvalue()


def load(content: bytes) -> IntentClassifier:
    """The classifier that `dump` was given; raises StoreUnreadable for anything else."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return _rebuild({name: arrays[name] for name in arrays.files})
    except (OSError, EOFError, KeyError, TypeError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise StoreUnreadable(f"not a stored classifier: {error}") from error


def _rebuild(arrays: dict[str, npt.NDArray[Any]]) -> IntentClassifier:
    described = json.loads(arrays["described"].tobytes())
    if described["format"] != FORMAT:
        raise StoreUnreadable(f"format {described['format']}, expected {FORMAT}")
    examples = tuple(Example(text, label) for text, label in described["examples"])
    numbers = {name: number for number, name in enumerate(described["labels"])}
    vocabularies = described["vocabularies"]
    terms = TermWeights(vocabularies, {kind: arrays[f"terms_{kind}"] for kind in vocabularies})
    # Words are counted again from the texts instead of being stored a second time.
    known = Features(terms.transform([example.text for example in examples]), arrays.get("known_meaning"))
    strangers = Features(terms.transform(described["out_of_scope"]), arrays.get("strangers_meaning"))
    labels = np.array([numbers[example.label] for example in examples], np.intp)
    by_meaning = _find_linear("meaning", arrays) if "meaning_weights" in arrays else None
    return IntentClassifier(
        version=described["version"],
        embedder_name=described["embedder_name"],
        labels=tuple(described["labels"]),
        examples=examples,
        out_of_scope=tuple(described["out_of_scope"]),
        terms=terms,
        known=known,
        strangers=strangers,
        experts=Experts(Neighbours(known, labels, arrays.get("metric")), _find_linear("all", arrays), by_meaning),
        weights=arrays["pool"],
        head=TrustHead(arrays["head_mean"], arrays["head_scale"], arrays["head_weights"], float(arrays["head_bias"])),
        measured=described["measured"],
    )


def _name_linear(name: str, linear: Linear) -> dict[str, npt.NDArray[np.float32]]:
    return {f"{name}_weights": linear.weights, f"{name}_bias": linear.bias}


def _find_linear(name: str, arrays: dict[str, npt.NDArray[Any]]) -> Linear:
    return Linear(arrays[f"{name}_weights"], arrays[f"{name}_bias"])
