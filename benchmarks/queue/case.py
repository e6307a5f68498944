"""What is measured: a system, how it works, and what its queue holds meanwhile."""

from dataclasses import dataclass
from typing import Literal

Distribution = Literal["uniform", "skewed", "hot"]

THREADS = 10_000


@dataclass(frozen=True, slots=True)
class Load:
    """What a queue holds. Without `waiting` jobs it holds a stock that just lasts for a round.

    `distribution` says how the waiting jobs are spread over the threads: evenly; so that the top 1 % of the threads
    hold 32 %; or half of them in one thread that waits the longest. Systems without threads ignore it, unless
    `keeps_order` asks for their own way of running the jobs of a thread one after the other.
    """

    waiting: int = 0
    finished: int = 0
    distribution: Distribution = "uniform"
    keeps_order: bool = False
    threads: int = THREADS

    def count_jobs(self, stock: int) -> int:
        """How many jobs wait at the beginning of a round."""
        return self.waiting or stock


@dataclass(frozen=True, slots=True)
class Setting:
    """How one worker process takes jobs: so many per claim, by so many loops or connections at once."""

    batch: int
    loops: int
    max_messages: int = 1


@dataclass(frozen=True, slots=True)
class Case:
    """One cell of the claim-and-complete measure."""

    system: str
    setting: Setting
    load: Load = Load()
    processes: int = 1
    measure: str = "claim_complete"
    unit: str = "jobs/s"
