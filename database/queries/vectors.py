"""Vectors of texts, kept under the hash of the text and the name of the model that made them."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from core.errors import OperatorError
from database.pool import Conn
from database.statements import load_statements

_SQL = load_statements("vectors")

SMALL, LARGE = 384, 1536  # the two columns of knowledge_vectors


@dataclass(frozen=True, slots=True)
class PassageText:
    """A passage as its texts are made from it. `questions` are what customers ask that it answers."""

    title: str
    heading: str
    content: str
    questions: Sequence[str] = ()

    @property
    def title_text(self) -> str:
        """What the title's vector stands for."""
        return f"{self.title}. {self.heading}" if self.heading else self.title

    @property
    def passage_text(self) -> str:
        """What the passage's vector stands for: its title and heading again, so that the piece keeps its context."""
        return f"{self.title_text}\n{self.content}"

    @property
    def texts(self) -> tuple[str, ...]:
        """All that is embedded of it."""
        return (self.title_text, self.passage_text, *self.questions)


@dataclass(frozen=True, slots=True)
class QueryVector:
    """A question as one model understands it."""

    model: str
    values: Sequence[float]


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many texts the knowledge has, and how many of them a model has embedded."""

    texts: int
    embedded: int


@dataclass(frozen=True, slots=True)
class VectorKey:
    """What a vector is kept under; as it is, before all others."""

    hash: bytes = b""
    model: str = ""


def hash_text(text: str) -> bytes:
    """SHA-256 of the text: where its vectors are kept."""
    return sha256(text.encode("utf-8", "surrogatepass")).digest()


async def list_unknown(conn: Conn, model: str, hashes: Sequence[bytes]) -> set[bytes]:
    """Those of `hashes` of which the model has no vector yet."""
    return {row["hash"] for row in await _SQL["list_unknown"].fetch(conn, hashes=list(hashes), model=model)}


async def add_vectors(conn: Conn, model: str, vectors: Sequence[tuple[bytes, Sequence[float]]]) -> None:
    """Keep vectors of unit length; one that is there already stays."""
    rows: list[dict[str, object]] = [
        {"hash": digest, "model": model, **format_vector(values)} for digest, values in vectors
    ]
    await _SQL["add_vector"].execute_many(conn, rows)


async def list_missing(conn: Conn, model: str, *, max_passages: int) -> list[PassageText]:
    """Passages of which the model lacks a vector."""
    rows = await _SQL["list_missing"].fetch(conn, model=model, max_passages=max_passages)
    return [PassageText(**dict(row)) for row in rows]


async def measure_coverage(conn: Conn, model: str) -> Coverage:
    """How far the model has come."""
    row = await _SQL["count_texts"].fetch_row(conn, model=model)
    return Coverage(**dict(row or {}))


async def mark_ready(conn: Conn, model: str) -> None:
    """From now on searches may use this model."""
    await _SQL["mark_ready"].execute(conn, model=model)


async def mark_unready(conn: Conn, model: str) -> None:
    """Texts were stored that this model could not embed; searches use another until it has."""
    await _SQL["mark_unready"].execute(conn, model=model)


async def is_ready(conn: Conn, model: str) -> bool:
    """Whether searches may use this model."""
    return bool(await _SQL["is_ready"].fetch_value(conn, model=model))


async def is_caught_up(conn: Conn, model: str) -> bool:
    """Whether the model was complete, and nothing has been stored since."""
    return bool(await _SQL["is_caught_up"].fetch_value(conn, model=model))


async def forget_unused(conn: Conn, after: VectorKey, *, max_vectors: int) -> VectorKey | None:
    """Delete vectors without a text among the next `max_vectors`; the last one looked at, or None behind all."""
    row = await _SQL["forget_unused"].fetch_row(
        conn, after_hash=after.hash, after_model=after.model, max_vectors=max_vectors
    )
    return VectorKey(**dict(row)) if row else None


async def forget_other_models(conn: Conn, models: Sequence[str], *, max_vectors: int) -> int:
    """Delete at most `max_vectors` of those that no model of `models` made; how many."""
    await _SQL["forget_models"].execute(conn, models=list(models))
    forgotten: int = await _SQL["forget_others"].fetch_value(conn, models=list(models), max_vectors=max_vectors)
    return forgotten


def format_vector(values: Sequence[float] | None) -> dict[str, str | None]:
    """The vector for the column that has its size; raises OperatorError where none has."""
    if values is None:
        return {"small": None, "large": None}
    text = f"[{','.join(f'{value:.6g}' for value in values)}]"
    if len(values) not in {SMALL, LARGE}:
        raise OperatorError(
            f"a vector has {SMALL} or {LARGE} numbers, not {len(values)}: choose another embedding model"
        )
    return {"small": text if len(values) == SMALL else None, "large": text if len(values) == LARGE else None}
