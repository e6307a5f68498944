"""How well the knowledge search finds: the real search in Postgres, over public questions or a deployer's own.

Also how well it knows when it has not found: each half of the documents is hidden once, and the questions to them
must then not be answered.
"""

import asyncio
import csv
import json
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agent.decision.answerability import estimate_answerability
from agent.evaluation.datasets import DataMissing
from agent.evaluation.results import Row
from agent.knowledge.documents import Document, DocumentError, Section, find_documents, read_document
from agent.knowledge.embed import AsyncEmbedder, wrap_embedder
from agent.knowledge.embedder import Embedders
from agent.knowledge.ingest import store_document
from agent.knowledge.search import KnowledgeSearch
from core.errors import OperatorError
from database.pool import DbPool
from database.queries.knowledge import Shelf, refresh_statistics
from database.types import Audience, Passage

_STACKFAQ_FILE = "stackfaq/faq.json"
THRESHOLD = 0.75
_RANKS = 10
_PASSAGES = 60  # enough for ten documents of several passages each
_EMBEDDED_AT_ONCE = 256
_SEARCHES_AT_ONCE = 4
_HALVES: tuple[Audience, Audience] = ("public", "internal")


class RetrievalSetError(OperatorError):
    """Documents or questions to measure on cannot be read; the message says where and how to mend it."""


@dataclass(frozen=True, slots=True)
class Query:
    """A question and the sources of the documents of which any answers it."""

    text: str
    sources: frozenset[str]


@dataclass(frozen=True, slots=True)
class RetrievalSet:
    """Documents by their source, and questions to them."""

    name: str
    documents: dict[str, Document]
    queries: tuple[Query, ...]


Advance = Callable[[str, int, int], None]
"""Told (what is done, how many of it are, how many there are)."""


def read_stackfaq(folder: Path) -> RetrievalSet:
    """The 125 answers of StackFAQ and 1,249 rephrased questions. Raises DataMissing where it is absent."""
    path = folder / _STACKFAQ_FILE
    if not path.is_file():
        raise DataMissing(
            f"StackFAQ is left out: {_STACKFAQ_FILE} not found in {folder}. It is StackFAQ.json at "
            "https://github.com/ML-Recipes/BERT-FAQ (Karan and Šnajder; text of Stack Exchange, CC BY-SA)."
        )
    documents, queries = {}, []
    for number, pair in enumerate(json.loads(path.read_text(encoding="utf-8"))["root"]["qapair"]):
        source = f"faq/{number}"
        answers = pair["answer"] if isinstance(pair["answer"], list) else [pair["answer"]]
        documents[source] = Document(pair["question"], "faq", (Section("", "\n\n".join(answers)),))
        # An asterisk separates questions of two annotators.
        asked = [text for text in pair["rephr"] if text and text.strip() not in {"", "*"}]
        queries += [Query(text, frozenset({source})) for text in asked]
    return RetrievalSet("stackfaq", documents, tuple(queries))


def read_folder(folder: Path, queries: Path) -> RetrievalSet:
    """Documents of any supported kind, and a CSV, TSV or JSONL file of `query` and `source` (one or several).

    A source is a file's path below the folder or its name, with or without its ending. Raises RetrievalSetError for a
    source that is no file there; a document that cannot be read is left out, and what is asked of it is not found.
    """
    documents, names = {}, dict[str, str]()
    for path in find_documents([folder]):
        relative = path.relative_to(folder) if path != folder else Path(path.name)
        source = relative.as_posix()
        for name in (relative.stem, relative.name, relative.with_suffix("").as_posix(), source):
            names[name] = source
        try:
            documents[source] = replace(read_document(path), is_draft=False)
        except DocumentError:
            continue
    return RetrievalSet(queries.stem, documents, tuple(_read_queries(queries, names)))


def _read_queries(path: Path, names: dict[str, str]) -> list[Query]:
    found = []
    for number, (text, sources) in enumerate(_read_rows(path), start=1):
        unknown = [source for source in sources if source not in names]
        if not text.strip() or not sources or unknown:
            wrong = f"no such document: {unknown[0]}" if unknown else "expected a query and at least one source"
            raise RetrievalSetError(f"{path}: question {number}: {wrong}")
        found.append(Query(text, frozenset(names[source] for source in sources)))
    if not found:
        raise RetrievalSetError(f"{path}: no questions; expected columns query and source")
    return found


def _read_rows(path: Path) -> Iterable[tuple[str, list[str]]]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines(keepends=True)
        if path.suffix.lower() in {".jsonl", ".ndjson"}:
            return [_read_object(json.loads(line)) for line in lines if line.strip()]
        reader = csv.DictReader(lines, delimiter="\t" if path.suffix.lower() == ".tsv" else ",", restkey="source_more")
        return [_read_object(row) for row in reader]
    except OSError as error:
        raise RetrievalSetError(f"{path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError, csv.Error) as error:
        raise RetrievalSetError(f"{path}: expected columns query and source ({type(error).__name__})") from None


def _read_object(row: dict[str, Any]) -> tuple[str, list[str]]:
    given = [value for key, value in row.items() if key.startswith("source")]
    sources = [one for value in given for one in (value if isinstance(value, list) else [value]) if one]
    return str(row["query"]), [str(source).strip() for source in sources]


async def measure_retrieval(
    pool: DbPool, embedders: Embedders, retrieval: RetrievalSet, advance: Advance = lambda *_: None
) -> list[Row]:
    """Load the documents into an empty database and ask everything thrice: of all documents, and of either half."""
    order = list(retrieval.documents)
    random.Random(7).shuffle(order)  # noqa: S311  # a split that stays, not a secret
    half = {source: _HALVES[index % 2] for index, source in enumerate(order)}
    for done, (source, document) in enumerate(retrieval.documents.items(), start=1):
        await store_document(pool, embedders, source, replace(document, audience=half[source]))
        advance("Loading documents", done, len(half))
    async with pool.acquire() as conn:
        await refresh_statistics(conn)
    local, remote = wrap_embedder(embedders.local), wrap_embedder(embedders.remote)
    asking = _Asking(KnowledgeSearch(pool, local, remote), local, retrieval, advance)
    found = await asking.ask(Shelf(audiences=_HALVES))
    rows = measure_ranks(
        [_find_rank(query, passages) for query, passages in zip(retrieval.queries, found, strict=True)]
    )
    judged = []
    for kept in _HALVES:
        known = frozenset(source for source, audience in half.items() if audience == kept)
        answers = await asking.ask(Shelf(audiences=(kept,)))
        for query, passages in zip(retrieval.queries, answers, strict=True):
            is_right = bool(passages) and passages[0].source in query.sources
            judged.append(Judged(estimate_answerability(query.text, passages), is_right, bool(query.sources & known)))
    rows |= measure_answerability(judged)
    return [Row(retrieval.name, measure, value) for measure, value in rows.items()]


@dataclass(slots=True)
class _Asking:
    """Puts all questions of a set before a search, a few at a time."""

    search: KnowledgeSearch
    local: AsyncEmbedder | None
    retrieval: RetrievalSet
    advance: Advance
    asked: int = 0

    async def ask(self, shelf: Shelf) -> list[list[Passage]]:
        """What each question finds on a shelf."""
        texts = [query.text for query in self.retrieval.queries]
        gate = asyncio.Semaphore(_SEARCHES_AT_ONCE)

        async def ask_one(text: str) -> list[Passage]:
            async with gate:
                found = await self.search.search(text, shelf=shelf, max_passages=_PASSAGES)
            self.asked += 1
            self.advance("Asking", self.asked, 3 * len(texts))
            return found

        found: list[list[Passage]] = []
        for start in range(0, len(texts), _EMBEDDED_AT_ONCE):
            batch = texts[start : start + _EMBEDDED_AT_ONCE]
            if self.local is not None:
                await self.local.embed(batch)  # many at once take a fraction of one by one; the search finds them there
            found += await asyncio.gather(*map(ask_one, batch))
        return found


def _find_rank(query: Query, passages: Sequence[Passage]) -> int | None:
    """The rank, from 1, of the first right document; each document counts once."""
    ranked = list(dict.fromkeys(passage.source for passage in passages))[:_RANKS]
    return next((rank for rank, source in enumerate(ranked, start=1) if source in query.sources), None)


def measure_ranks(ranks: Sequence[int | None]) -> dict[str, float]:
    """Recall among the first 1 and 5, and the mean reciprocal rank among the first 10; each in [0, 1]."""
    return {
        "recall_at_1": sum(rank == 1 for rank in ranks) / len(ranks),
        "recall_at_5": sum(rank is not None and rank <= 5 for rank in ranks) / len(ranks),
        "mrr_at_10": sum(1 / rank for rank in ranks if rank is not None) / len(ranks),
    }


@dataclass(frozen=True, slots=True)
class Judged:
    """One question to half of the documents: how sure, whether the best was right, whether it could be answered."""

    confidence: float
    is_right: bool
    is_answerable: bool


def measure_answerability(judged: Sequence[Judged], threshold: float = THRESHOLD) -> dict[str, float]:
    """How right the answers above the threshold are, and the share answered of all and of answerable questions."""
    answered = [one for one in judged if one.confidence >= threshold]
    answerable = [one for one in judged if one.is_answerable]
    right = sum(one.is_right for one in answered)
    return {
        f"answerable_precision_at_{threshold:g}": right / len(answered) if answered else 1.0,
        f"answerable_coverage_at_{threshold:g}": len(answered) / len(judged),
        f"answerable_recall_at_{threshold:g}": right / len(answerable) if answerable else 1.0,
    }
