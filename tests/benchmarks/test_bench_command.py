"""`nightdesk bench`: which benchmarks it runs, and how it ends."""

import pytest
import typer

from benchmarks import run
from cli.bench import run_benchmarks
from cli.context import CommandError


def test_an_unknown_benchmark_is_named_with_those_that_exist() -> None:
    with pytest.raises(CommandError, match=r"nonsense; expected .*queue"):
        run_benchmarks(["queue", "nonsense"])


def test_without_a_name_all_of_them_run(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: list[tuple[set[str], bool]] = []

    def note(names: set[str], *, is_quick: bool) -> int:
        chosen.append((names, is_quick))
        return 0

    monkeypatch.setattr(run, "run_benchmarks", note)
    run_benchmarks()
    run_benchmarks(["queue"], quick=True)
    assert chosen == [(set(run.NAMES), False), ({"queue"}, True)]


def test_a_benchmark_that_cannot_be_measured_ends_with_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "run_benchmarks", lambda _names, is_quick: 1)  # noqa: ARG005
    with pytest.raises(typer.Exit) as raised:
        run_benchmarks(["queue"])
    assert raised.value.exit_code == 1
