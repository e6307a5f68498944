"""How much is measured of the agent: everything for a result to show, little for a look in between."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AgentScale:
    """Counts of one run. Comparing everything takes a hundred times as long as a search: so many questions do."""

    passages: int
    questions: int
    compared: int
    decisions: int
    classified: int


FULL = AgentScale(passages=100_000, questions=200, compared=60, decisions=192, classified=500)
QUICK = AgentScale(passages=10_000, questions=40, compared=20, decisions=48, classified=100)
