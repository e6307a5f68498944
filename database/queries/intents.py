"""Classifiers of what customers want, as bytes, and which of them is at work; the thresholds learned."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from core.ids import new_id
from database.pool import Conn
from database.statements import load_statements
from database.types import Scale

_SQL = load_statements("intents")

_KEPT_MODELS = 5


@dataclass(frozen=True, slots=True)
class NewModel:
    """A trained classifier. `basis` says who can use it, `metrics` how good training found it by held-out examples,
    and `compared` how it did beside the one it was to replace. `learned_from` are the tickets whose words it holds.
    """

    version: str
    basis: str
    source: Literal["taxonomy", "tickets"]
    artifact: bytes
    examples: int
    metrics: Mapping[str, float] = field(default_factory=dict)
    compared: Mapping[str, float] | None = None
    learned_from: Sequence[UUID] = ()


async def find_active(conn: Conn, basis: str) -> UUID | None:
    """The model at work for this basis."""
    found: UUID | None = await _SQL["find_active"].fetch_value(conn, basis=basis)
    return found


async def has_version(conn: Conn, basis: str, version: str) -> bool:
    """Whether a model was trained on just this, whatever became of it."""
    return bool(await _SQL["has_version"].fetch_value(conn, basis=basis, version=version))


async def read_artifact(conn: Conn, model_id: UUID) -> bytes:
    """The bytes of a model; empty where it has been forgotten in the meantime."""
    return await _SQL["read_artifact"].fetch_value(conn, id=model_id) or b""


async def read_version(conn: Conn, basis: str, version: str) -> bytes | None:
    """The bytes of the model that was trained on just this; None where it has been forgotten."""
    artifact: bytes | None = await _SQL["read_version"].fetch_value(conn, basis=basis, version=version)
    return artifact


async def add_model(conn: Conn, model: NewModel, *, is_active: bool) -> UUID:
    """Keep a model, at work instead of the one before it or for the record alone, and forget the oldest."""
    if is_active:
        await _SQL["deactivate"].execute(conn, basis=model.basis)
    model_id = new_id()
    await _SQL["add_model"].execute(
        conn,
        id=model_id,
        version=model.version,
        basis=model.basis,
        source=model.source,
        artifact=model.artifact,
        examples=model.examples,
        metrics=json.dumps(model.metrics),
        compared=None if model.compared is None else json.dumps(model.compared),
        is_active=is_active,
        learned_from=model.learned_from,
    )
    await _SQL["forget_old"].execute(conn, basis=model.basis, kept=_KEPT_MODELS)
    return model_id


async def list_models(conn: Conn) -> list[dict[str, Any]]:
    """Every model that is kept, the newest first: when and from what it was made, whether it works, how good it is."""
    # The one at work and the one that no ticket has taught may be older than the newest.
    rows = await _SQL["list_models"].fetch(conn, kept=_KEPT_MODELS + 2)
    decoded = ("metrics", "compared")
    return [{**row, **{name: json.loads(row[name] or "null") for name in decoded}} for row in map(dict, rows)]


async def list_thresholds(conn: Conn) -> dict[tuple[Scale, str | None, str | None], float]:
    """Learned thresholds by scale, intent and channel; None stands for every one."""
    rows = await _SQL["list_thresholds"].fetch(conn)
    return {(row["scale"], row["intent"], row["channel"]): row["threshold"] for row in rows}
