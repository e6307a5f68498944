"""Reading sets: splits, folds, and what is wrong with a file."""

import json
from pathlib import Path

import pytest

from agent.evaluation.datasets import (
    SOURCES,
    DataMissing,
    Division,
    Source,
    draw_shots,
    read_banking77,
    read_bitext,
    read_clinc150,
    read_labelled_file,
    read_source,
    sample_set,
)
from agent.intents.examples import Example
from core.errors import OperatorError


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def write_rows(path: Path, count: int = 40) -> Path:
    lines = [f'"please, {word} {n * 7919}",{word}' for n in range(count) for word in ("refund", "parcel")]
    return write(path, "\n".join(["text,label", *lines]))


@pytest.mark.parametrize("source", SOURCES, ids=[source.title for source in SOURCES])
def test_a_missing_set_says_where_it_is_to_be_had(tmp_path: Path, source: Source) -> None:
    with pytest.raises(DataMissing) as raised:
        read_source(source, tmp_path)
    assert source.url in str(raised.value)
    assert source.licence in str(raised.value)


def test_banking77_is_read_as_published_and_with_ten_shots(tmp_path: Path) -> None:
    lines = [f"question {n} of {label},{label}" for n in range(25) for label in ("a", "b")]
    write(tmp_path / "banking77/train.csv", "\n".join(["text,category", *lines]))
    write(tmp_path / "banking77/test.csv", 'text,category\n"one, with a comma",a')
    full, few = read_banking77(tmp_path)
    assert (full.name, few.name) == ("banking77", "banking77_10shot")
    assert len(full.divisions[0].train) == 50
    assert full.divisions[0].test == few.divisions[0].test == (Example("one, with a comma", "a"),)
    assert [example.label for example in few.divisions[0].train] == ["a"] * 10 + ["b"] * 10


def test_clinc150_keeps_test_strangers_out_of_training(tmp_path: Path) -> None:
    parts = {name: [[f"{name} text", "intent"]] for name in ("train", "val", "test")}
    parts |= {f"oos_{name}": [[f"{name} stranger", "oos"]] for name in ("train", "val", "test")}
    write(tmp_path / "clinc150/data_full.json", json.dumps(parts))
    ((division,),) = (intent_set.divisions for intent_set in read_clinc150(tmp_path))
    assert division == Division(
        train=(Example("train text", "intent"),),
        test=(Example("test text", "intent"),),
        out_of_scope=("train stranger", "val stranger"),
        strangers=("test stranger",),
    )


def test_bitext_keeps_near_duplicates_on_one_side(tmp_path: Path) -> None:
    words = [
        "parcel",
        "invoice",
        "password",
        "licence",
        "refund",
        "address",
        "delivery",
        "account",
        "payment",
        "voucher",
    ]
    texts = [f"i {verb} {word} now{end}" for word in words for verb in ("lost", "want") for end in ("", "!", "?!")]
    lines = [f"{text},{'lost' if 'lost' in text else 'want'}" for text in texts]
    write(tmp_path / "bitext/customer_support.csv", "\n".join(["instruction,intent", *lines]))
    apart, plain = read_bitext(tmp_path)

    def list_wordings(examples: tuple[Example, ...]) -> set[str]:
        return {example.text.rstrip("?!") for example in examples}

    (division,) = apart.divisions
    assert not list_wordings(division.train) & list_wordings(division.test)
    assert len(division.train) + len(division.test) == len(lines)
    (mixed,) = plain.divisions
    assert list_wordings(mixed.train) & list_wordings(mixed.test)


def test_shots_are_the_same_in_every_run() -> None:
    examples = [Example(str(n), "ab"[n % 2]) for n in range(50)]
    assert draw_shots(examples, 3) == draw_shots(examples, 3) != draw_shots(examples, 3, seed=1)


def test_a_file_with_a_split_is_divided_by_it(tmp_path: Path) -> None:
    path = write(
        tmp_path / "mine.csv", "text,label,split\na,x,train\nb,y,train\nc,x,test\nd,oos,test\ne,out_of_scope,train"
    )
    intent_set = read_labelled_file(path)
    assert intent_set.name == "mine"
    assert intent_set.divisions == (
        Division((Example("a", "x"), Example("b", "y")), (Example("c", "x"),), ("e",), ("d",)),
    )


def test_a_file_of_its_own_can_be_the_test(tmp_path: Path) -> None:
    train, test = write_rows(tmp_path / "train.csv"), write(tmp_path / "test.csv", "text,label\nrefund,refund")
    (division,) = read_labelled_file(train, test).divisions
    assert len(division.train) == 80
    assert division.test == (Example("refund", "refund"),)


def test_without_a_split_every_row_is_tested_once(tmp_path: Path) -> None:
    divisions = read_labelled_file(write_rows(tmp_path / "mine.csv")).divisions
    tested = [example for division in divisions for example in division.test]
    assert len(divisions) == 5
    assert len(tested) == len(set(tested)) == 80
    assert all(not set(division.train) & set(division.test) for division in divisions)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", "expected a line of column names with text and label"),
        ("text,label", "rows below it"),
        ("question,label\na,b", "text and label"),
        ("text,label,split\na,x,train\nb,y,dev", "must say train or test, not 'dev'"),
        ("text,label,split\na,x,train\nb,y,train", "examples to test"),
        ("text,label,split\na,x,test\nb,oos,train", "examples to train on"),
    ],
)
def test_a_wrong_file_is_refused_with_the_reason(tmp_path: Path, content: str, complaint: str) -> None:
    with pytest.raises(OperatorError, match=complaint):
        read_labelled_file(write(tmp_path / "mine.csv", content))


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="cannot be read"):
        read_labelled_file(tmp_path / "nowhere.csv")


def test_a_sample_is_small_and_of_the_first_division(tmp_path: Path) -> None:
    full = read_labelled_file(write_rows(tmp_path / "mine.csv", 200))
    sample = sample_set(full, train=50, test=10)
    assert sample == sample_set(full, train=50, test=10)
    ((division,),) = (sample.divisions,)
    assert (len(division.train), len(division.test)) == (50, 10)
    assert set(division.train) <= set(full.divisions[0].train)
