"""`nightdesk kb` and the measuring of the search, as an operator meets them."""

import json
import re
from pathlib import Path

import pytest

from agent.evaluation.datasets import DataMissing
from cli.context import CommandError
from cli.eval_retrieval import choose_set
from tests.cli.command import assert_clear_error, run

RETURNS = "You can return a Hub within {} days of delivery, and we pay for the parcel."


def test_articles_are_listed_published_unpublished_and_searched(database_url: str, tmp_path: Path) -> None:
    def kb(*arguments: str) -> str:
        result = run("kb", *arguments, database_url=database_url, folder=tmp_path)
        assert result.returncode == 0, result.stderr
        return result.stdout

    (tmp_path / "returns.md").write_text(
        f"# Returns\n\n## Hubs\n\n{RETURNS.format(30)}\n\nError HL-7 is about returns."
    )
    (tmp_path / "draft.md").write_text("---\nstatus: draft\nlanguage: de\naudience: internal\n---\n# Entwurf\n\nNeu.")
    assert "2 documents loaded (2 passages), 0 unchanged, 0 left out; 1 are drafts" in kb("add", ".")
    rows = {line.split()[0]: line.split() for line in kb("list").splitlines() if ".md" in line}
    assert rows["draft.md"][1:5] == ["Entwurf", "draft", "internal,", "de"]
    assert rows["returns.md"][1:5] == ["Returns", "published", "public,", "en"]

    assert kb("show", "returns.md").startswith(f"Returns > Hubs\n\n{RETURNS.format(30)}\n")
    shown = kb("search", "return a Hub HL-7")
    assert "returns.md > Hubs" in shown
    assert "1.00" in shown
    assert kb("unpublish", "returns.md") == "returns.md is a draft\n"
    assert kb("unpublish", "returns.md") == "returns.md was a draft already\n"
    assert kb("search", "return a Hub") == "nothing found\n"
    assert kb("publish", "returns.md") == "returns.md is published\n"
    assert_clear_error(
        run("kb", "publish", "nowhere.md", database_url=database_url, folder=tmp_path), "no article nowhere.md"
    )


def test_contradictions_are_said_at_the_load_and_kept(database_url: str, tmp_path: Path, embedder: object) -> None:
    assert embedder is not None
    (tmp_path / "a.md").write_text(f"# Returns\n\n{RETURNS.format(30)}")
    (tmp_path / "b.md").write_text(f"# Send a Hub back\n\n{RETURNS.format(14)}")
    result = run("kb", "add", ".", database_url=database_url, folder=tmp_path)
    assert "contradiction: b.md and a.md: other numbers" in result.stdout
    listed = run("kb", "hints", database_url=database_url, folder=tmp_path).stdout
    assert "contradiction" in listed
    assert "1 hints" in listed
    embedded = run("kb", "reembed", "--forget-others", database_url=database_url, folder=tmp_path).stdout
    assert "4 of 4 texts embedded" in embedded
    assert "0 vectors of other models forgotten" in embedded


def test_front_matter_that_cannot_be_used_is_named(database_url: str, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("---\naudience: everybody\n---\n# A\n\nText.")
    result = run("kb", "add", "a.md", database_url=database_url, folder=tmp_path)
    assert_clear_error(result, "a.md: its front matter cannot be used: audience")


def test_a_search_is_measured_on_documents_of_ones_own_and_its_rows_are_kept(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "export.md").write_text("# Export a board\n\nChoose CSV.")
    (docs / "moving.md").write_text("# Move a task\n\nChoose Move.")
    (tmp_path / "own.csv").write_text("query,source\nHow do I export a board?,export\nHow do I move a task?,moving\n")
    result = run("eval", "retrieval", "docs", "own.csv", folder=tmp_path)
    assert result.returncode == 0, result.stderr
    rows = json.loads((tmp_path / ".data/results/eval.json").read_text())["rows"]
    values = {(row["set"], row["measure"]): row["value"] for row in rows}
    assert values["own", "mrr_at_10"] == 1.0
    assert re.search(r"mrr_at_10\W+1\.0000", result.stdout)


def test_questions_without_documents_and_the_other_way_round_are_refused() -> None:
    with pytest.raises(CommandError, match="DOCS and QUERIES"):
        choose_set(Path("docs"), None, Path("nowhere"))
    with pytest.raises(DataMissing, match="not found in nowhere"):
        choose_set(None, None, Path("nowhere"))
