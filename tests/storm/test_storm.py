"""A small storm in the suite; `make chaos` rages for longer."""

from pathlib import Path

import pytest

from tests.storm.storm import Plan, rage
from tests.storm.verdict import Verdict


def describe(verdict: Verdict) -> str:
    """What to look at when it fails."""
    return f"lost {verdict.lost}, doubled {verdict.doubled}, out of order {verdict.out_of_order}, {verdict.unknown}"


@pytest.mark.timeout(600)
async def test_no_kill_on_any_channel_loses_doubles_or_disorders_a_message(tmp_path: Path) -> None:
    outcome = await rage(Plan(messages=150, kills=8, seed=7), tmp_path, lambda *_: None)
    verdict = outcome.verdict
    assert outcome.settled, f"something still waited after all patience: {describe(verdict)}"
    assert verdict.messages >= 150
    assert sum(outcome.kills.values()) == 8
    assert verdict.lost == verdict.doubled == verdict.out_of_order == [], describe(verdict)
    # What was being handed over when its worker was killed: an SMTP server and Meta cannot be asked about it.
    in_doubt = [doubt for doubt in verdict.unknown if doubt["channel"] != "mailbox" and "Meta" not in doubt["error"]]
    assert in_doubt == [], describe(verdict)
    assert len(verdict.unknown) <= sum(outcome.kills.values())
    assert all(verdict.replies[channel] for channel in ("gmail", "twilio", "meta", "web"))
