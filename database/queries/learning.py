"""What there is to learn from in what became known of answers and tickets, and the thresholds that were learned."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from uuid import UUID

from core.ids import new_id
from database.pool import Conn
from database.statements import load_statements
from database.types import Scale

_SQL = load_statements("learning")

MAX_TICKETS = 5_000
MAX_LABELS = 50_000


@dataclass(frozen=True, slots=True)
class VerifiedTicket:
    """A ticket whose intent is known, with the customer's first message and the names they have given."""

    id: UUID
    intent: str
    text: str
    names: Sequence[str]


@dataclass(frozen=True, slots=True)
class LabelledAnswer:
    """An answer of the agent, sent or not, how sure it was of it and of its intent, and whether it was right."""

    intent: str | None
    trust: float
    channel: str
    confidence: float
    is_right: bool
    scale: Scale


@dataclass(frozen=True, slots=True)
class Threshold:
    """A learned threshold; `bound` is the precision that `verified` answers prove for it."""

    scale: Scale
    intent: str | None
    channel: str | None
    threshold: float
    wanted_precision: float
    verified: int
    bound: float


async def start_learning(conn: Conn, basis: str, *, least_age: timedelta) -> bool:
    """Whether nobody has tried to learn for so long; from now on somebody has, whatever comes of it."""
    started = await _SQL["start_learning"].fetch_value(conn, basis=basis, least_age=least_age)
    return bool(started)


async def list_examples(conn: Conn, *, least_trust: float) -> list[VerifiedTicket]:
    """The newest tickets whose intent a person gave, or was trusted this much and led to a right answer."""
    rows = await _SQL["list_examples"].fetch(conn, least_trust=least_trust, max_tickets=MAX_TICKETS)
    return [VerifiedTicket(**dict(row)) for row in rows]


async def list_labelled(conn: Conn) -> list[LabelledAnswer]:
    """The newest answers of which it is known whether they were right."""
    return [LabelledAnswer(**dict(row)) for row in await _SQL["list_labelled"].fetch(conn, max_labels=MAX_LABELS)]


async def replace_thresholds(conn: Conn, thresholds: Sequence[Threshold]) -> None:
    """From now on these hold and no others."""
    await _SQL["forget_thresholds"].execute(conn)
    await _SQL["add_threshold"].execute_many(conn, [{"id": new_id(), **asdict(found)} for found in thresholds])
