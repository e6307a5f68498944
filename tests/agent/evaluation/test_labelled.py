"""Reading labelled files as people have them: columns, parts, folds, and what is odd or wrong about a file."""

from pathlib import Path

import pytest

from agent.evaluation.datasets import Division
from agent.evaluation.labelled import read_labelled_file
from agent.intents.examples import Example
from core.errors import OperatorError

ROWS = Division(
    train=(Example("where, is it", "late"), Example("money\nback", "refund")), test=(Example("it", "late"),)
)


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_text(text, encoding=encoding)
    return path


def write_rows(path: Path, count: int = 40) -> Path:
    lines = [f'"please, {word} {n * 7919}",{word}' for n in range(count) for word in ("refund", "parcel")]
    return write(path, "\n".join(["text,label", *lines]))


def test_a_file_with_a_split_is_divided_by_it(tmp_path: Path) -> None:
    path = write(
        tmp_path / "mine.csv", "text,label,split\na,x,train\nb,y,Train\nc,x,test\nd,OOS,test\ne,out-of-scope,train"
    )
    intent_set = read_labelled_file(path)
    assert (intent_set.name, intent_set.notes) == ("mine", ())
    assert intent_set.divisions == (
        Division((Example("a", "x"), Example("b", "y")), (Example("c", "x"),), ("e",), ("d",)),
    )


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_file_is_read_however_it_was_saved(tmp_path: Path, delimiter: str, encoding: str, ending: str) -> None:
    lines = ["id|split|text|label", '1|train|"where, is it"|late', '2|train|"money\nback"|refund', "", "3|test|it|late"]
    content = ending.join(lines[:4]) + ending + lines[4]
    path = tmp_path / "mine.csv"
    path.write_bytes(content.replace("|", delimiter).encode(encoding))
    assert read_labelled_file(path).divisions == (ROWS,)


@pytest.mark.parametrize(
    "head", ["utterance,intent", "Query , CATEGORY", "message,class", "instruction,intent", '"text","label"']
)
def test_columns_may_have_the_names_that_are_usual(tmp_path: Path, head: str) -> None:
    path = write(tmp_path / "mine.csv", f"{head},split\na,x,train\nb,y,train\nc,x,test")
    ((division,),) = (read_labelled_file(path).divisions,)
    assert division.train == (Example("a", "x"), Example("b", "y"))


def test_the_intent_is_meant_where_there_is_a_category_too(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.csv", "category,text,intent,split\nORDER,a,x,train\nORDER,b,y,train\nORDER,c,x,test")
    assert {example.label for example in read_labelled_file(path).divisions[0].train} == {"x", "y"}


def test_labels_that_differ_in_case_alone_are_one_and_that_is_said(tmp_path: Path) -> None:
    train = write(tmp_path / "train.csv", "text,label\na,Refund\nb,refund\nc,refund \nd,late")
    test = write(tmp_path / "test.csv", "text,label\nx,REFUND\ny,late")
    intent_set = read_labelled_file(train, test)
    assert [example.label for example in intent_set.divisions[0].train] == ["refund", "refund", "refund", "late"]
    assert [example.label for example in intent_set.divisions[0].test] == ["refund", "late"]
    assert intent_set.notes == ("Labels that differ in case alone are one: Refund = refund, REFUND = refund.",)


def test_rows_that_say_nothing_and_those_for_validation_are_left_out_and_counted(tmp_path: Path) -> None:
    rows = "a,x,train\n,x,train\nb,y,train\nc,,train\nd\nv,x,dev\nw,y,validation\nz,x,test"
    path = write(tmp_path / "mine.csv", "text,label,split\n" + rows.replace("\nd\n", "\n  ,y,test\n"))
    intent_set = read_labelled_file(path)
    (division,) = intent_set.divisions
    assert [example.text for example in (*division.train, *division.test)] == ["a", "b", "z"]
    assert intent_set.notes == (
        "3 rows without a text or a label are left out.",
        "2 rows for validation are left out.",
    )


def test_labels_that_nothing_is_left_to_learn_from_are_named(tmp_path: Path) -> None:
    tests = "\n".join(f"t,new_{n},test" for n in range(5))
    path = write(tmp_path / "mine.csv", f"text,label,split\na,x,train\nb,y,train\nc,x,test\n{tests}")
    assert read_labelled_file(path).notes == (
        "Some tested texts have labels of which nothing is left to train on: new_0, new_1, new_2 and 2 more.",
    )


def test_a_file_of_its_own_can_be_the_test(tmp_path: Path) -> None:
    train, test = write_rows(tmp_path / "train.csv"), write(tmp_path / "test.csv", "text,label\nrefund,refund")
    (division,) = read_labelled_file(train, test).divisions
    assert len(division.train) == 80
    assert division.test == (Example("refund", "refund"),)


def test_texts_without_a_word_are_folded_too(tmp_path: Path) -> None:
    rows = "\n".join(f"{mark * n},{label}" for n in range(1, 8) for mark, label in (("?", "x"), ("🙂", "y")))
    divisions = read_labelled_file(write(tmp_path / "mine.csv", "text,label\n" + rows)).divisions
    assert sum(len(division.test) for division in divisions) == 14


def test_without_a_split_every_row_is_tested_once(tmp_path: Path) -> None:
    divisions = read_labelled_file(write_rows(tmp_path / "mine.csv")).divisions
    tested = [example for division in divisions for example in division.test]
    assert len(divisions) == 5
    assert len(tested) == len(set(tested)) == 80
    assert all(not set(division.train) & set(division.test) for division in divisions)


def test_of_a_large_file_no_more_folds_are_tested_than_are_enough(tmp_path: Path) -> None:
    read = read_labelled_file(write_rows(tmp_path / "mine.csv", count=1500))
    assert [(len(part.train), len(part.test)) for part in read.divisions] == [(2400, 600)] * 2
    assert not set(read.divisions[0].test) & set(read.divisions[1].test)
    assert read.notes == (
        "1200 of the rows are tested, which are enough: each further part would cost a whole training.",
    )


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", r"must name a column text and a column label.*names nothing"),
        ("text,label", "no rows with a text and a label"),
        ("question;amount\na;b", "it names question;amount"),
        ("text,label,split\na,x,train\nb,y,later", "must say train, test or validation, not 'later'"),
        ("text,label,split\na,x,train\nb,y,", "must say train, test or validation, not ''"),
        ("text,label,split\na,x,train\nb,y,train", "examples to test"),
        ("text,label,split\na,x,test\nb,oos,train", "fewer than two labels"),
        ("text,label,split\na,x,train\nb,x,train\nc,y,test", "fewer than two labels"),
        (
            "text,label\nwhere is it,late\nnot here yet,late\nstill waiting,late\nno parcel,late\nmoney,refund",
            "several",
        ),
        ("text,label\nhello, where is it,late", "line 2 has 3 columns, the head 2"),
        ('text,label\n"where is it,late\nb,y', "line 3: unexpected end of data"),
    ],
)
def test_a_wrong_file_is_refused_with_the_reason(tmp_path: Path, content: str, complaint: str) -> None:
    with pytest.raises(OperatorError, match=complaint):
        read_labelled_file(write(tmp_path / "mine.csv", content))


def test_a_file_that_is_not_there_or_not_text_is_said(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=r"nowhere\.csv cannot be read"):
        read_labelled_file(tmp_path / "nowhere.csv")
    with pytest.raises(OperatorError, match="cannot be read as UTF-8"):
        read_labelled_file(write(tmp_path / "mine.csv", "text,label\ncafé,x", "latin-1"))
