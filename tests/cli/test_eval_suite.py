"""The command that measures the suite: what it refuses, and what it shows of each half."""

from pathlib import Path

import pytest
from pydantic import SecretStr
from rich.console import Console

from agent.evaluation.suite import TicketResult, read_suite
from agent.evaluation.suite_measures import explain_fault
from cli.context import CommandError
from cli.eval_suite import print_results, run_tickets
from cli.measuring import Evaluation
from core.settings import OpenAISettings, Settings


@pytest.fixture
def failures() -> list[TicketResult]:
    """Every ticket, handed over to a team that does not exist."""
    return [TicketResult(ticket, "hand_over", "low_confidence", "nobody", "", (), True) for ticket in read_suite()]


def show(settings: Settings) -> Evaluation:
    """What a command prints to."""
    return Evaluation(settings, Path("nowhere"), False, Console())


def test_an_unknown_half_and_a_missing_key_are_refused(settings: Settings) -> None:
    with pytest.raises(CommandError, match="unknown half"):
        run_tickets(settings, half="third")
    with pytest.raises(CommandError, match="OPENAI_API_KEY"):
        run_tickets(settings, uses_model=True)
    keyed = settings.model_copy(update={"openai": OpenAISettings(api_key=SecretStr("sk-test"))})
    with pytest.raises(CommandError, match="unknown half"):
        run_tickets(keyed, uses_model=True, half="third")


def test_the_report_has_every_tag(
    failures: list[TicketResult], settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    print_results(show(settings), failures, shows_wrong=False)
    printed = capsys.readouterr().out
    for expected in ("lang:de", "channel:whatsapp", "attack"):
        assert expected in printed
    assert "Handled wrongly" not in printed


def test_wrong_tickets_are_listed_but_no_text_of_the_held_out_half(
    failures: list[TicketResult],
    settings: Settings,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "2000")  # so that no text is wrapped
    print_results(show(settings), failures, shows_wrong=True)
    printed = capsys.readouterr().out
    wrong = [result.ticket for result in failures if explain_fault(result) is not None]
    assert {ticket.split for ticket in wrong} == {"tune", "held_out"}
    for ticket in wrong:
        assert ticket.id in printed
        opening = ticket.waiting[0].split("\n")[0]
        if len(opening) >= 20:
            assert (opening in printed) == (ticket.split == "tune"), ticket.id
