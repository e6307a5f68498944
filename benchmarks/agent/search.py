"""The search of the desk in a large library: how many of the nearest passages it finds, and how long it takes."""

import random
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from rich.progress import Progress, TaskID

from agent.knowledge.embedder import Embedder
from benchmarks.agent.library import NAMES
from benchmarks.agent.scale import AgentScale
from benchmarks.agent.texts import make_names, write_questions
from benchmarks.results import Row
from database.pool import Conn, DbPool
from database.queries.knowledge import Shelf, search_passages
from database.queries.vectors import QueryVector

_SHELVES = {"all": Shelf(), "1 in 10": Shelf(language="de"), "1 in 100": Shelf(language="nl")}
_WANTED = 10
# The same statement, with every vector compared. Planned for its values, so that it is the best of its kind.
_COMPARE_ALL = "SET LOCAL enable_indexscan = off; SET LOCAL plan_cache_mode = force_custom_plan"

_Question = tuple[str, QueryVector]


@dataclass(frozen=True, slots=True)
class _Found:
    """The passages of each question, and how many milliseconds it took."""

    ids: Sequence[set[UUID]]
    times: Sequence[float]


async def measure_search(pool: DbPool, embedder: Embedder, scale: AgentScale, progress: Progress) -> list[Row]:
    """By meaning alone, since words are never approximate, and with the words as the agent searches."""
    texts = write_questions(scale.questions, make_names(NAMES), random.Random(2))
    vectors = [QueryVector(embedder.name, vector.tolist()) for vector in embedder.embed(texts)]
    with_words = list(zip(texts, vectors, strict=True))
    by_meaning = [("", vector) for vector in vectors]
    task = progress.add_task("Search", total=len(_SHELVES) * (2 * scale.questions + scale.compared))
    rows: list[Row] = []
    async with pool.acquire() as conn:
        for name, shelf in _SHELVES.items():
            found = await _search(conn, by_meaning, shelf, progress, task)
            worded = await _search(conn, with_words, shelf, progress, task)
            async with conn.transaction():
                await conn.execute(_COMPARE_ALL)
                nearest = await _search(conn, by_meaning[: scale.compared], shelf, progress, task)
            rows += _summarise(name, scale.passages, found, worded, nearest)
    return rows


async def _search(conn: Conn, questions: Sequence[_Question], shelf: Shelf, progress: Progress, task: TaskID) -> _Found:
    ids, times = [], []
    for words, vector in questions:
        started = time.perf_counter()
        passages = await search_passages(conn, words, vector, max_passages=_WANTED, shelf=shelf)
        times.append((time.perf_counter() - started) * 1000)
        ids.append({passage.id for passage in passages})
        progress.advance(task)
    return _Found(ids, times)


def _summarise(shelf: str, passages: int, found: _Found, worded: _Found, nearest: _Found) -> list[Row]:
    """`found` and `nearest` are by meaning, of which `nearest` has fewer; `worded` is what the agent searches for."""
    shown = {"shelf": shelf, "passages": passages}
    key = shelf.replace(" ", "_")
    recall = statistics.mean(len(ours & best) / len(best) for ours, best in zip(found.ids, nearest.ids, strict=False))
    median, slow_median = statistics.median(worded.times), statistics.median(nearest.times)
    p95 = statistics.quantiles(worded.times, n=20, method="inclusive")[-1]
    compared = {**shown, "comparing all, ms": round(slow_median, 1)}
    return [
        Row(f"search_recall_{key}", recall, "", {**shown, "of the": _WANTED, "questions": len(nearest.ids)}),
        Row(f"search_rows_{key}", min(map(len, found.ids)), "at least", {**shown, "questions": len(found.ids)}),
        Row(f"search_p50_{key}", median, "ms", {**shown, "questions": len(worded.times)}),
        Row(f"search_p95_{key}", p95, "ms", shown),
        Row(f"search_of_comparing_all_{key}", median / slow_median, "", compared),
    ]
