"""What every measure of a run works with."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.progress import Progress

from benchmarks.queue.crew import Hand
from benchmarks.queue.figures import Figures
from benchmarks.queue.scale import QueueScale


@dataclass(frozen=True, slots=True)
class Stage:
    """The server, two processes, the systems that are installed, and where the figures go."""

    server_url: str
    crew: tuple[Hand, Hand]
    systems: Sequence[str]
    scale: QueueScale
    progress: Progress
    figures: Figures = field(default_factory=Figures)
