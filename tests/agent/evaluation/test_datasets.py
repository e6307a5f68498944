"""Reading the public sets."""

import json
from pathlib import Path

import pytest

from agent.evaluation.datasets import (
    SOURCES,
    DataMissing,
    Division,
    IntentSet,
    Source,
    draw_shots,
    read_banking77,
    read_bitext,
    read_clinc150,
    read_source,
    sample_set,
)
from agent.intents.examples import Example


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("source", SOURCES, ids=[source.title for source in SOURCES])
def test_a_missing_set_says_where_it_is_to_be_had(tmp_path: Path, source: Source) -> None:
    with pytest.raises(DataMissing) as raised:
        read_source(source, tmp_path)
    assert source.url in str(raised.value)
    assert source.licence in str(raised.value)


def test_banking77_is_read_as_published_and_with_few_shots(tmp_path: Path) -> None:
    lines = [f"question {n} of {label},{label}" for n in range(25) for label in ("a", "b")]
    write(tmp_path / "banking77/train.csv", "\n".join(["text,category", *lines]))
    write(tmp_path / "banking77/test.csv", 'text,category\n"one, with a comma",a')
    full, few, fewer = read_banking77(tmp_path)
    assert (full.name, few.name, fewer.name) == ("banking77", "banking77_10shot", "banking77_5shot")
    assert len(full.divisions[0].train) == 50
    assert full.divisions[0].test == few.divisions[0].test == (Example("one, with a comma", "a"),)
    assert [example.label for example in few.divisions[0].train] == ["a"] * 10 + ["b"] * 10
    assert set(fewer.divisions[0].train) < set(few.divisions[0].train)


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


def test_a_sample_is_small_and_of_the_first_division() -> None:
    examples = tuple(Example(f"wish {n}", "ab"[n % 2]) for n in range(200))
    full = IntentSet("own", (Division(examples[:150], examples[150:]), Division(examples[50:], examples[:50])))
    sample = sample_set(full, train=50, test=10)
    assert sample == sample_set(full, train=50, test=10)
    ((division,),) = (sample.divisions,)
    assert (len(division.train), len(division.test)) == (50, 10)
    assert set(division.train) <= set(full.divisions[0].train)
