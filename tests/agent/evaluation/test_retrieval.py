"""Measuring the search: the figures themselves, the files a deployer brings, and one small run through Postgres."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.evaluation.datasets import DataMissing
from agent.evaluation.results import Row
from agent.evaluation.retrieval import (
    Judged,
    RetrievalSetError,
    measure_answerability,
    measure_ranks,
    measure_retrieval,
    read_folder,
    read_stackfaq,
)
from agent.knowledge.embedder import Embedders
from database.pool import DbPool
from tests.agent.knowledge.desk import WordEmbedder, write_files
from tests.conftest import SHARED_DATA


def test_ranks_are_measured_as_defined() -> None:
    assert measure_ranks([1, 2, 5, 10, None]) == {
        "recall_at_1": 0.2,
        "recall_at_5": 0.6,
        "mrr_at_10": pytest.approx((1 + 1 / 2 + 1 / 5 + 1 / 10) / 5),
    }


@given(st.lists(st.one_of(st.none(), st.integers(1, 10)), min_size=1))
def test_the_mean_reciprocal_rank_lies_between_its_recalls(ranks: list[int | None]) -> None:
    measured = measure_ranks(ranks)
    found = sum(rank is not None for rank in ranks) / len(ranks)
    assert measured["recall_at_1"] <= measured["mrr_at_10"] + 1e-9
    assert measured["mrr_at_10"] <= found + 1e-9
    assert measured["recall_at_1"] <= measured["recall_at_5"] <= found + 1e-9


def test_answers_above_the_threshold_are_measured_and_those_below_cost_recall() -> None:
    judged = [
        Judged(0.9, is_right=True, is_answerable=True),
        Judged(0.75, is_right=False, is_answerable=False),
        Judged(0.7, is_right=True, is_answerable=True),
        Judged(0.1, is_right=False, is_answerable=False),
    ]
    assert measure_answerability(judged) == {
        "answerable_precision_at_0.75": 0.5,
        "answerable_coverage_at_0.75": 0.5,
        "answerable_recall_at_0.75": 0.5,
    }


QUERIES = {
    "q.csv": "query,source\nhow to export?,export\nhow to move?,moving.md\n",
    "q.tsv": "query\tsource\nhow to export?\texport.md\nhow to move?\tmoving\n",
    "q.jsonl": "".join(
        json.dumps(row) + "\n"
        for row in ({"query": "how to export?", "source": "export"}, {"query": "how to move?", "sources": ["moving"]})
    ),
}


@pytest.mark.parametrize("name", QUERIES)
def test_questions_are_read_from_each_kind_of_file(tmp_path: Path, name: str) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    write_files(docs, export="# Export\n\nChoose Export.", moving="# Move\n\nChoose Move.")
    (tmp_path / name).write_text(QUERIES[name])
    read = read_folder(docs, tmp_path / name)
    assert set(read.documents) == {"export.md", "moving.md"}
    assert [(query.text, set(query.sources)) for query in read.queries] == [
        ("how to export?", {"export.md"}),
        ("how to move?", {"moving.md"}),
    ]


def test_a_question_may_have_several_sources(tmp_path: Path) -> None:
    write_files(tmp_path, a="A.", b="B.", c="C.")
    (tmp_path / "q.csv").write_text("query,source,source2\nletters?,a,b,c\n")
    assert read_folder(tmp_path, tmp_path / "q.csv").queries[0].sources == {"a.md", "b.md", "c.md"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("query,source\nwhat?,nowhere\n", "question 1: no such document: nowhere"),
        ("query,source\n,a\n", "question 1: expected a query"),
        ("query,source\nwhat?,\n", "at least one source"),
        ("query,source\n", "no questions"),
        ("text,label\nwhat?,a\n", "expected columns query and source"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(tmp_path: Path, text: str, expected: str) -> None:
    write_files(tmp_path, a="A.")
    (tmp_path / "q.csv").write_text(text)
    with pytest.raises(RetrievalSetError, match=expected):
        read_folder(tmp_path, tmp_path / "q.csv")


def test_an_absent_public_set_says_where_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(DataMissing, match="ML-Recipes/BERT-FAQ"):
        read_stackfaq(tmp_path)


@pytest.mark.skipif(not SHARED_DATA.is_dir(), reason="the public data sets are not on this machine")
def test_stackfaq_is_read_whole() -> None:
    read = read_stackfaq(SHARED_DATA)
    assert (len(read.documents), len(read.queries)) == (125, 1249)


async def test_a_small_set_is_measured_through_the_real_search(pool: DbPool, tmp_path: Path) -> None:
    write_files(tmp_path, export="# Export a board\n\nChoose CSV.", moving="# Move a task\n\nChoose Move.")
    lines = ["query,source", "export my board as CSV,export", "move my task,moving", "zebra,export", ""]
    (tmp_path / "own.csv").write_text("\n".join(lines))
    seen = []
    rows = await measure_retrieval(
        pool,
        Embedders(WordEmbedder()),
        read_folder(tmp_path, tmp_path / "own.csv"),
        lambda what, done, total: seen.append((what, done, total)),
    )
    values = {row.measure: row.value for row in rows}
    assert {row.set for row in rows} == {"own"}
    assert values["recall_at_1"] >= 2 / 3
    assert values["recall_at_5"] == 1.0
    assert rows[0] == Row("own", "recall_at_1", values["recall_at_1"])
    assert seen[0] == ("Loading documents", 1, 2)
    assert seen[-1] == ("Asking", 9, 9)
