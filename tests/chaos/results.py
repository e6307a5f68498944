"""What `make chaos` leaves behind: a JSON file and a short table."""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

RESULTS_FILE = os.environ.get("CHAOS_RESULTS")


@dataclass(frozen=True, slots=True)
class Results:
    """One storm of kills. `kills` maps the steps, and what is beside them, to how often a process died there."""

    kills: dict[str, int]
    messages: int
    lost: int
    doubled: int
    slowest_recovery_leases: float
    seconds: float


def write_results(results: Results) -> None:
    """Write the file, where one was asked for."""
    if RESULTS_FILE:
        path = Path(RESULTS_FILE)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(results), indent=2) + "\n")


def describe_results() -> Iterator[str]:
    """The file as lines for the screen."""
    if not RESULTS_FILE or not Path(RESULTS_FILE).exists():
        return
    results = Results(**json.loads(Path(RESULTS_FILE).read_text()))
    for place, times in results.kills.items():
        yield f"killed {place:<24}{times:>8,}"
    for name, value in asdict(results).items():
        if name != "kills":
            yield f"{name.replace('_', ' '):<31}{value:>8,}"
