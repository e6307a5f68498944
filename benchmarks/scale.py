"""How much is measured: everything for a result to show, little for a look in between."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """Counts and times of one run. A round of the submit measure lasts `round_seconds` for each of its sides."""

    warm_up: int
    idle_messages: int
    customers: int
    messages_per_customer: int
    pipeline_messages: int
    sdk_runs: int
    submit_clients: int
    rounds: int
    round_seconds: float


FULL = Scale(
    warm_up=20,
    idle_messages=100,
    customers=50,
    messages_per_customer=8,
    pipeline_messages=200,
    sdk_runs=400,
    submit_clients=32,
    rounds=7,
    round_seconds=4.0,
)
QUICK = Scale(
    warm_up=5,
    idle_messages=20,
    customers=50,
    messages_per_customer=2,
    pipeline_messages=50,
    sdk_runs=100,
    submit_clients=32,
    rounds=3,
    round_seconds=1.0,
)
