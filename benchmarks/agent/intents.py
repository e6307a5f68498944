"""What customers want: how long the shipped taxonomy takes to learn, and how fast a message is told."""

import time

from rich.progress import Progress

from agent.intents.serve import IntentReader
from agent.knowledge.embedder import Embedder
from benchmarks.agent.scale import AgentScale
from benchmarks.questions import fill_form
from benchmarks.results import Row

_FIRST_NUMBER = 6_000_000  # questions that no other measure has asked


async def train(intents: IntentReader, progress: Progress) -> list[Row]:
    """Train as the first worker of a new desk does; its examples are embedded meanwhile."""
    task = progress.add_task("Learning what customers want", total=None)
    started, started_cpu = time.perf_counter(), time.process_time()
    await intents.train_if_missing()
    shown = {"examples": len(intents.taxonomy.list_examples()), "with": "their embedding"}
    rows = [
        Row("intents_training", time.perf_counter() - started, "s", shown),
        Row("intents_training_cpu", time.process_time() - started_cpu, "s", shown),
    ]
    progress.update(task, total=1, completed=1)
    return rows


def measure_classifying(intents: IntentReader, embedder: Embedder, scale: AgentScale) -> list[Row]:
    """One message at a time, as they come; what its vector takes is measured apart."""
    classifier = intents.classifier
    assert classifier is not None, "trained before"
    texts = [fill_form(_FIRST_NUMBER + number)["message"] for number in range(scale.classified)]
    vectors = embedder.embed(texts)
    started = time.perf_counter()
    for text, vector in zip(texts, vectors, strict=True):
        classifier.classify([text], vector[None])
    seconds = time.perf_counter() - started
    return [
        Row("intents_classified", len(texts) / seconds, "texts/s", {"one at a time": len(texts), "beyond": "embedding"})
    ]
