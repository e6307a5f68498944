"""What a process of the chaos tests is told to do, and what it writes down while it does it."""

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from database.types import InboundMessage

# Places beside those in workers.steps, at which a process may strike itself.
THINKING = "thinking"
POISONED = "poisoned"
PUBLISHED = "published"

POISON = "poison"


class Order(BaseModel):
    """One process: which workers run in it, and at which place it sends itself a signal.

    With a `message` it is not a worker but a publisher, which passes PUBLISHED before it commits; with a `port` it is
    the web process.
    """

    model_config = ConfigDict(frozen=True)

    url: str
    journal: Path
    name: str = ""
    workers: int = 1
    concurrency: int = 4
    lease_seconds: float = 1.5
    max_attempts: int = 1_000
    think_seconds: float = 0.0
    has_heartbeat: bool = True
    idle_transaction_seconds: float | None = None
    message: InboundMessage | None = None
    # With an environment a process is what `nightdesk api` on `port`, or `nightdesk worker`, would be in it.
    environment: dict[str, str] = {}
    port: int | None = None

    strike_at: tuple[str, ...] = ()
    strike_with: int = signal.SIGKILL
    strike_passage: int = 1


class Journal:
    """One line per event, each in one append, so that neither a kill nor another writer tears it."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def write(self, event: str, **fields: object) -> None:
        """Add a line. It is with the kernel when this returns, so it outlives the process."""
        line = {"event": event, "pid": os.getpid(), "at": time.time(), **fields}
        os.write(self._fd, json.dumps(line).encode() + b"\n")


def read_journal(path: Path, event: str | None = None) -> list[dict[str, Any]]:
    """What was written, in order; with `event`, only that."""
    lines = [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []
    return [line for line in lines if event in {None, line["event"]}]


class Fate:
    """Notes every place that its process passes, and strikes at the one that was ordered."""

    def __init__(self, order: Order, journal: Journal) -> None:
        self.journal = journal
        self._order = order
        self._passages = 0

    def __call__(self, place: str) -> None:
        """The process is here."""
        self.journal.write(place)
        if place not in self._order.strike_at:
            return
        self._passages += 1
        if self._passages == self._order.strike_passage:
            self.journal.write("struck", place=place)
            os.kill(os.getpid(), self._order.strike_with)
