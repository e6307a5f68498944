"""One decision of the offline brain, without queue and delivery: from the customer's words to a checked outcome."""

import statistics
import time

from rich.progress import Progress

from agent.context import Turn
from agent.knowledge.embedder import Embedder
from agent.run import SupportAgent
from benchmarks.agent.scale import AgentScale
from benchmarks.questions import QUESTIONS, fill_form
from benchmarks.results import Row
from core.ids import new_id
from database.types import ConversationId, ConversationState, CustomerId

_FIRST_NUMBER = 2_000_000  # questions that no other measure has asked


async def measure_decisions(
    agent: SupportAgent, embedder: Embedder, scale: AgentScale, progress: Progress
) -> list[Row]:
    """One after the other, beside embedding the same number of questions with nothing else."""
    task = progress.add_task("Decisions", total=scale.decisions)
    times: list[float] = []
    answered = 0
    started_cpu = time.process_time()
    for number in range(-len(QUESTIONS), scale.decisions):  # each question once before it counts
        if number == 0:
            started_cpu = time.process_time()
        turn = _build_turn(_FIRST_NUMBER + number)
        started = time.perf_counter()
        result = await agent.run_turn(turn)
        if number >= 0:
            times.append((time.perf_counter() - started) * 1000)
            answered += result.decision.action == "answer"
            progress.advance(task)
    cpu_ms = (time.process_time() - started_cpu) * 1000 / scale.decisions
    embedding = _time_embedding(embedder, scale.decisions)
    median, p95 = statistics.median(times), _find_p95(times)
    shown = {"decisions": len(times), "answered": answered, "passages": scale.passages}
    return [
        Row("decision_p50", median, "ms", shown),
        Row("decision_p95", p95, "ms", shown),
        Row("decision_cpu", cpu_ms, "ms", {"of": "the agent's process alone"}),
        Row("embedding_p50", statistics.median(embedding), "ms", {"questions": len(embedding)}),
        Row("decision_of_embedding", median / statistics.median(embedding), "", {"medians of": len(times)}),
        Row("decision_p95_of_embedding", p95 / _find_p95(embedding), "", {"p95 of": len(times)}),
    ]


def _build_turn(number: int) -> Turn:
    form = fill_form(number)
    conversation = ConversationState(
        id=ConversationId(new_id()),
        customer_id=CustomerId(new_id()),
        contact_name=form["name"],
        channel="web",
        inbox="benchmark",
        identity_level="self_reported",
        owner="agent",
        automatic_replies=0,
        ticket_ref="TF-20260101-0001",
        ticket_subject=form["subject"],
        ticket_category=QUESTIONS[number % len(QUESTIONS)].category,
        ticket_priority="medium",
        history=(),
    )
    return Turn(conversation, (form["message"],))


def _time_embedding(embedder: Embedder, count: int) -> list[float]:
    times = []
    for number in range(count):
        question = fill_form(2 * _FIRST_NUMBER + number)["message"]
        started = time.perf_counter()
        embedder.embed([question])
        times.append((time.perf_counter() - started) * 1000)
    return times


def _find_p95(times: list[float]) -> float:
    return statistics.quantiles(times, n=20, method="inclusive")[-1]
