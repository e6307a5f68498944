"""Any labelled file as people have them: which column is which, how it is divided, and what is odd about it."""

import csv
import io
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from agent.evaluation.datasets import Division, IntentSet, divide_examples
from agent.intents.examples import DUPLICATE_SIMILARITY, FOLDS, Example, fold_examples
from core.errors import OperatorError

# What people call the two columns; where a file has several of these, the first one here is meant.
TEXT_NAMES = ("text", "utterance", "message", "query", "question", "instruction", "sentence")
LABEL_NAMES = ("label", "intent", "category", "class")
# And the parts of a file that is divided. What is for validation is not needed: nothing is chosen by it.
SPLIT_NAME = "split"
TRAIN, TEST, VALIDATION = "train", "test", "validation"
_PARTS = {
    **dict.fromkeys(("train", "training"), TRAIN),
    **dict.fromkeys(("test", "testing"), TEST),
    **dict.fromkeys(("validation", "valid", "val", "dev"), VALIDATION),
}
# From so many tested rows on a share is known to about two points, and each further fold would cost a whole training.
ENOUGH_TESTED = 1000
_LEAST_LABELS = 2
_DELIMITERS = ",;\t|"
_MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class _Row:
    """One line of a file; `part` is None where the file is not divided."""

    text: str
    label: str
    part: str | None


def read_labelled_file(path: Path, test_path: Path | None = None) -> IntentSet:
    """A file with a head that names its text and its label (TEXT_NAMES, LABEL_NAMES); the set is named after the file.

    With `test_path`, that file is the test. Else, where there is a column `split`, its rows "test" are. Else each of
    five folds is the test once, near-duplicates in one fold; of a large file only as many as are enough. The set's
    notes say what is odd about the file. Raises OperatorError when a column is missing, a line cannot be understood, or
    too little is left to train on or to test.
    """
    rows = _read_rows(path)
    if test_path is not None:
        rows = [replace(row, part=TRAIN) for row in rows]
        rows += [replace(row, part=TEST) for row in _read_rows(test_path)]
    kept = [row for row in rows if row.text and row.label and row.part != VALIDATION]
    spelling = _unify_labels(kept)
    examples = [Example(row.text, spelling[row.label]) for row in kept]
    if not kept:
        raise OperatorError(f"{path}: there are no rows with a text and a label")
    if kept[0].part is None:
        folds = fold_examples(examples, FOLDS, similarity=DUPLICATE_SIMILARITY)
        tested = min(FOLDS, math.ceil(ENOUGH_TESTED * FOLDS / len(examples)))
        divisions = [divide_examples(examples, folds == fold) for fold in range(tested)]
    else:
        divisions = [divide_examples(examples, np.array([row.part == TEST for row in kept]))]
    if any(len({example.label for example in division.train}) < _LEAST_LABELS for division in divisions):
        raise OperatorError(
            f"{path}: what is left to train on has fewer than two labels; each label needs several different examples"
        )
    if not all(division.test for division in divisions):
        raise OperatorError(f"{path}: there must be examples to test")
    return IntentSet(path.stem, tuple(divisions), tuple(_list_notes(rows, spelling, divisions)))


def _unify_labels(rows: Iterable[_Row]) -> dict[str, str]:
    """How each label is spelled: alike where only case differs, in the way that is used most."""
    spellings: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        spellings[row.label.casefold()][row.label] += 1
    return {label: used.most_common(1)[0][0] for used in spellings.values() for label in used}


def _list_notes(rows: Sequence[_Row], spelling: dict[str, str], divisions: Sequence[Division]) -> Iterable[str]:
    """What whoever reads the figures should know."""
    if blank := sum(not (row.text and row.label) for row in rows):
        yield f"{blank} rows without a text or a label are left out."
    if unused := sum(row.part == VALIDATION for row in rows):
        yield f"{unused} rows for validation are left out."
    if merged := [f"{label} = {used}" for label, used in spelling.items() if label != used]:
        yield f"Labels that differ in case alone are one: {_enumerate(merged)}."
    tested = sum(len(division.test) + len(division.strangers) for division in divisions)
    if rows[0].part is None and len(divisions) < FOLDS:
        yield f"{tested} of the rows are tested, which are enough: each further part would cost a whole training."
    unlearned = sorted({label for division in divisions for label in _find_unlearned(division)})
    if unlearned:
        yield f"Some tested texts have labels of which nothing is left to train on: {_enumerate(unlearned)}."


def _find_unlearned(division: Division) -> set[str]:
    return {example.label for example in division.test} - {example.label for example in division.train}


def _enumerate(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _read_rows(path: Path) -> list[_Row]:
    """All rows, with whichever delimiter makes sense of the head. Cells are without the spaces around them."""
    content = _read_text(path)
    heads = {delimiter: _split_head(content, delimiter) for delimiter in _DELIMITERS}
    for delimiter, head in heads.items():
        text, label = (next((name for name in names if name in head), None) for names in (TEXT_NAMES, LABEL_NAMES))
        if text is not None and label is not None:
            return [_make_row(path, line, text, label) for line in _read_lines(path, content, delimiter, head)]
    found = ", ".join(heads[","]) or "nothing"
    raise OperatorError(
        f"{path}: the first line must name a column {TEXT_NAMES[0]} and a column {LABEL_NAMES[0]}"
        f" (or {', '.join(TEXT_NAMES[1:])}; {', '.join(LABEL_NAMES[1:])}), and it names {found}"
    )


def _make_row(path: Path, line: dict[str, str], text: str, label: str) -> _Row:
    part = line.get(SPLIT_NAME)
    if part is not None and part.lower() not in _PARTS:
        raise OperatorError(f"{path}: the column split must say train, test or validation, not {part!r}")
    return _Row(line[text], line[label], None if part is None else _PARTS[part.lower()])


def _read_lines(path: Path, content: str, delimiter: str, head: Sequence[str]) -> list[dict[str, str]]:
    """The cells of each line by column; blank lines are none. A cell that the line has not is empty."""
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=delimiter, strict=True)
    lines = []
    try:
        next(reader)
        for cells in reader:
            if len(cells) > len(head):
                raise OperatorError(
                    f"{path}: line {reader.line_num} has {len(cells)} columns, the head {len(head)};"
                    " a text with the delimiter in it must stand in quotes"
                )
            if cells:
                lines.append(dict(zip(head, map(str.strip, [*cells, *[""] * len(head)]), strict=False)))
    except csv.Error as error:
        raise OperatorError(f"{path} cannot be read as CSV: line {reader.line_num}: {error}") from None
    return lines


def _split_head(content: str, delimiter: str) -> list[str]:
    return [name.strip().lower() for name in next(csv.reader(content.splitlines()[:1], delimiter=delimiter), [])]


def _read_text(path: Path) -> str:
    """UTF-8, or UTF-16 as Excel writes it; a byte order mark is no part of the text."""
    try:
        content = path.read_bytes()
        return content.decode("utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise OperatorError(f"{path} cannot be read as UTF-8: {error}") from None
