"""`nightdesk eval`: what it measures, what it keeps, and what it says of missing data."""

import json
from pathlib import Path

from tests.agent.intents.sample import EXAMPLES, STRANGERS
from tests.cli.command import assert_clear_error, run, run_cold

MISSING_MODEL = {"EMBEDDING_MODEL_DIR": "nowhere"}  # words alone: this is about the command


def write_examples(folder: Path) -> Path:
    path = folder / "mine.csv"
    lines = [f'"{example.text}",{example.label}' for example in EXAMPLES[::3]]
    lines += [f'"{text}",out_of_scope' for text in STRANGERS]
    path.write_text("\n".join(["text,label", *lines]), encoding="utf-8")
    return path


def test_a_labelled_file_is_measured_and_its_rows_are_kept(tmp_path: Path) -> None:
    result = run_cold("eval", "intents", str(write_examples(tmp_path)), folder=tmp_path, **MISSING_MODEL)
    assert result.returncode == 0, result.stderr
    rows = json.loads((tmp_path / ".data/results/eval.json").read_text())["rows"]
    values = {(row["set"], row["measure"]): row["value"] for row in rows}
    assert values["mine", "accuracy"] > 0.9
    assert ("mine", "oos_auroc") in values
    assert ("mine_mixed", "coverage_at_cp98") in values
    assert "macro_f1" in result.stdout
    assert "Kept in" in result.stdout


def test_a_quick_look_keeps_nothing(tmp_path: Path) -> None:
    result = run("eval", "intents", str(write_examples(tmp_path)), "--quick", folder=tmp_path, **MISSING_MODEL)
    assert result.returncode == 0, result.stderr
    assert "accuracy" in result.stdout
    assert not (tmp_path / ".data/results").exists()


def test_without_the_public_sets_it_is_said_where_they_are(tmp_path: Path) -> None:
    result = run("eval", "intents", folder=tmp_path, NIGHTDESK_EVAL_DATA=str(tmp_path), **MISSING_MODEL)
    assert_clear_error(result, "nothing was measured")
    for expected in ("PolyAI-LDN", "CC BY 4.0", "clinc/oos-eval", "CC BY 3.0", "bitext", "CDLA-Sharing 1.0"):
        assert expected in result.stdout


def test_a_quick_look_asked_for_in_the_wrong_place_keeps_nothing_either(tmp_path: Path) -> None:
    result = run("eval", "--quick", "intents", str(write_examples(tmp_path)), folder=tmp_path, **MISSING_MODEL)
    assert_clear_error(result, "--quick belongs behind intents")
    assert not (tmp_path / ".data/results").exists()


def test_what_is_missing_is_named_and_the_rest_is_measured(tmp_path: Path) -> None:
    result = run("eval", "--quick", "--data", ".", folder=tmp_path, **MISSING_MODEL)
    assert result.returncode == 0, result.stderr
    for expected in ("PolyAI-LDN", "ML-Recipes/BERT-FAQ", "must_escalate_recall", "suite_tune"):
        assert expected in result.stdout


def test_a_wrong_file_ends_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("place,time\nwhere,late")
    assert_clear_error(
        run("eval", "intents", str(path), folder=tmp_path, **MISSING_MODEL), "a column text and a column label"
    )


def test_a_file_of_one_label_ends_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("text,label,split\nwhere,late,train\nwhen,late,test")
    result = run("eval", "intents", str(path), folder=tmp_path, **MISSING_MODEL)
    assert_clear_error(result, "fewer than two labels")
