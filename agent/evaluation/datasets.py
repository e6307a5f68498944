"""The public intent sets, read from a folder that is not part of this repository."""

import csv
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from agent.intents.examples import Example, fold_examples, humanise_label
from core.errors import OperatorError

# Labels, as `humanise_label` says them, that stand for "none of the labels".
OUT_OF_SCOPE_LABELS = frozenset({"oos", "out of scope", "ood", "out of domain"})
SHOTS = (10, 5)
# Bitext fills templates: its near-duplicates are less alike than those of people's own words.
_TEMPLATE_SIMILARITY = 0.6

T = TypeVar("T")


class DataMissing(OperatorError):
    """A public set is not in the data folder; the message says how to obtain it."""


@dataclass(frozen=True, slots=True)
class Division:
    """What is trained on and what is tested. Tuning may look at everything but `test` and `strangers`.

    `out_of_scope` are known at training, `strangers` are met in the test.
    """

    train: tuple[Example, ...]
    test: tuple[Example, ...]
    out_of_scope: tuple[str, ...] = ()
    strangers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class IntentSet:
    """A set and its divisions, whose tests are measured together: one, or the folds of a cross-validation.

    `notes` are what whoever reads the figures should know of it.
    """

    name: str
    divisions: tuple[Division, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """Where a set comes from, and how to read it."""

    title: str
    url: str
    licence: str
    files: tuple[str, ...]
    read: Callable[[Path], list[IntentSet]]


def read_source(source: Source, folder: Path) -> list[IntentSet]:
    """The sets made from one source; raises DataMissing if one of its files is absent."""
    if missing := [name for name in source.files if not (folder / name).is_file()]:
        raise DataMissing(
            f"{source.title} is left out: {', '.join(missing)} not found in {folder}. "
            f"It is at {source.url} ({source.licence})."
        )
    return source.read(folder)


def read_banking77(folder: Path) -> list[IntentSet]:
    """The published split, and with ten and five examples per intent of its train part."""
    train = _read_csv(folder / "banking77/train.csv", "text", "category")
    test = _read_csv(folder / "banking77/test.csv", "text", "category")
    return [
        IntentSet("banking77", (Division(train, test),)),
        *(IntentSet(f"banking77_{shots}shot", (Division(draw_shots(train, shots), test),)) for shots in SHOTS),
    ]


def read_clinc150(folder: Path) -> list[IntentSet]:
    """The published split; what is out of scope in its train and validation parts is known at training."""
    parts = json.loads((folder / "clinc150/data_full.json").read_text(encoding="utf-8"))
    train, test = (tuple(Example(text, label) for text, label in parts[name]) for name in ("train", "test"))
    known, strangers = (
        tuple(text for name in names for text, _ in parts[name]) for names in (("oos_train", "oos_val"), ("oos_test",))
    )
    return [IntentSet("clinc150", (Division(train, test, known, strangers),))]


def read_bitext(folder: Path) -> list[IntentSet]:
    """70 to 30 with near-duplicates on one side; and without regard to them, as others divide it."""
    examples = _read_csv(folder / "bitext/customer_support.csv", "instruction", "intent")
    apart = fold_examples(examples, 10, similarity=_TEMPLATE_SIMILARITY)
    anyhow = fold_examples(examples, 10)
    return [
        IntentSet("bitext", (divide_examples(examples, apart < 3),)),
        IntentSet("bitext_plain", (divide_examples(examples, anyhow < 3),)),
    ]


SOURCES = (
    Source(
        "Banking77",
        "https://github.com/PolyAI-LDN/task-specific-datasets",
        "CC BY 4.0",
        ("banking77/train.csv", "banking77/test.csv"),
        read_banking77,
    ),
    Source(
        "CLINC150",
        "https://github.com/clinc/oos-eval",
        "CC BY 3.0",
        ("clinc150/data_full.json",),
        read_clinc150,
    ),
    Source(
        "Bitext customer support",
        "https://github.com/bitext/customer-support-llm-chatbot-training-dataset",
        "CDLA-Sharing 1.0",
        ("bitext/customer_support.csv",),
        read_bitext,
    ),
)


def draw_shots(examples: Sequence[Example], count: int, *, seed: int = 0) -> tuple[Example, ...]:
    """The first `count` examples of each label in a shuffled order."""
    drawn: dict[str, list[Example]] = defaultdict(list)
    for index in np.random.default_rng(seed).permutation(len(examples)):
        example = examples[index]
        if len(drawn[example.label]) < count:
            drawn[example.label].append(example)
    return tuple(example for label in sorted(drawn) for example in drawn[label])


def sample_set(full: IntentSet, *, train: int = 1500, test: int = 500, seed: int = 0) -> IntentSet:
    """A smaller set for a quick look: at most this many examples of each part, drawn at random."""
    rng = np.random.default_rng(seed)

    def draw(items: Sequence[T], count: int) -> tuple[T, ...]:
        return tuple(items[index] for index in sorted(rng.permutation(len(items))[:count]))

    return IntentSet(
        full.name,
        tuple(
            Division(
                train=draw(division.train, train),
                test=draw(division.test, test),
                out_of_scope=division.out_of_scope,
                strangers=draw(division.strangers, test),
            )
            for division in full.divisions[:1]
        ),
    )


def divide_examples(examples: Sequence[Example], is_test: npt.NDArray[np.bool_]) -> Division:
    """Those tested, shape (n,), and those trained on; what is out of scope is apart in both."""
    parts: dict[tuple[bool, bool], list[Example]] = defaultdict(list)
    for example, is_tested in zip(examples, is_test, strict=True):
        parts[bool(is_tested), humanise_label(example.label) in OUT_OF_SCOPE_LABELS].append(example)
    return Division(
        train=tuple(parts[False, False]),
        test=tuple(parts[True, False]),
        out_of_scope=tuple(example.text for example in parts[False, True]),
        strangers=tuple(example.text for example in parts[True, True]),
    )


def _read_csv(path: Path, text: str, label: str) -> tuple[Example, ...]:
    return _to_examples(_read_rows(path, (text, label)), text, label)


def _to_examples(rows: Iterable[Mapping[str, str]], text: str, label: str) -> tuple[Example, ...]:
    return tuple(Example(row[text], row[label]) for row in rows)


def _read_rows(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """All rows of a CSV file with a head; raises OperatorError when it has none or a column is missing."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file, restval=""))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise OperatorError(f"{path} cannot be read as CSV: {error}") from None
    if not rows or any(column not in rows[0] for column in columns):
        raise OperatorError(f"{path}: expected a line of column names with {' and '.join(columns)}, and rows below it")
    return rows
