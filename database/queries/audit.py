"""The audit log: only added to, each entry bound to the one before it by a keyed hash, and the last one sealed.

Whoever can write to the database alone can neither change an entry nor leave one out unseen: the keys come from
SECRET_KEY, which is not in it. Putting back an older copy of the whole log is seen only by somebody who has kept the
number and the hash that `verify` reports.
"""

import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

from asyncpg import Record

from core.ids import derive_id, derive_token
from database.pool import Conn
from database.statements import load_statements
from database.types import NOWHERE, Actor, Fact, Facts, Origin

_SQL = load_statements("audit")

MAX_USER_AGENT = 200
MAX_ITEMS = 100  # of a list among the facts
# One page that looks again and again at the same ticket is one reading.
READING_SECONDS = 600.0
BATCH_ROWS = 1_000
_MAX_SEQ = 2**63 - 1
_MAX_FIGURE = 10_000_000  # a telephone number has more digits
_OBJECT = re.compile(r"[A-Z]{1,8}-\d{8}-\d{4,12}|[a-z_]{1,40}")
_NAME = re.compile(r"[a-z_]{1,40}")
_WORD = re.compile(r"[a-z][a-z_:-]{0,39}|[0-9a-f]{64}|[A-Z]{1,8}-\d{8}-\d{4,12}")


@dataclass(frozen=True, slots=True)
class Broken:
    """The first entry that is not as it was written."""

    seq: int
    reason: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found from entry `first_seq` to `last_seq`; `hash` is that of the last, for keeping elsewhere."""

    first_seq: int
    last_seq: int
    hash: str
    broken: Broken | None


@dataclass(frozen=True, slots=True)
class Filters:
    """Which entries are wanted. `since` is included, `until` is not. An object has a kind and an id."""

    actor_id: UUID | None = None
    action: str | None = None
    object_kind: str | None = None
    object_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


async def record(
    conn: Conn,
    secret_key: str,
    *,
    actor: Actor,
    action: str,
    object_kind: str,
    object_id: UUID | str | None,
    before: Facts | None = None,
    after: Facts | None = None,
    origin: Origin = NOWHERE,
    quiet_seconds: float = 0.0,
) -> int | None:
    """Add an entry and return its number. `action` is like "ticket.closed".

    Record last in your transaction: until it ends, everybody else who records waits. With `quiet_seconds`, None where
    the same actor has done the same to the same object within them. Raises ValueError for facts that could be a
    customer's.
    """
    texts = {name: None if facts is None else describe_facts(facts) for name, facts in _pair(before, after)}
    key, seal = derive_keys(secret_key)
    entry = {
        "actor_kind": actor.kind,
        "actor_id": actor.id,
        "action": action,
        "object_kind": object_kind,
        "object_id": None if object_id is None else str(object_id),
        "address": origin.address,
        "user_agent": _cut(origin.user_agent),
        "request_id": origin.request_id,
        **texts,
    }
    seq: int | None = await _SQL["record"].fetch_value(
        conn,
        **entry,
        text=write_canonically(entry),
        inner_key=_pad(key, 0x36),
        outer_key=_pad(key, 0x5C),
        inner_seal=_pad(seal, 0x36),
        outer_seal=_pad(seal, 0x5C),
        quiet_seconds=quiet_seconds,
    )
    return seq


async def verify(conn: Conn, secret_key: str, *, newest: int | None = None) -> Verdict:
    """Check every entry, or the `newest` ones, up to the one that is last now."""
    key, seal = derive_keys(secret_key)
    head = await _SQL["read_head"].fetch_row(conn)
    if head is None:
        return Verdict(1, 0, "", Broken(0, "the end of the log is missing"))
    last: int = head["seq"]
    first = 1 if newest is None else max(1, last - newest + 1)
    broken = await _check_entries(conn, key, first, last, head["hash"])
    if broken is None and not _is_sealed(head, seal):
        broken = Broken(last, "the end of the log is not where the desk left it")
    if broken is None and (head["last_seq"] or 0) > last:
        broken = Broken(last + 1, "not written by the desk")
    return Verdict(first, last, head["hash"].hex(), broken)


async def list_entries(
    conn: Conn, filters: Filters, *, before_seq: int | None = None, max_rows: int = 100
) -> list[dict[str, Any]]:
    """Entries, newest first, and with `before_seq` those before that one."""
    first, last = await _find_bounds(conn, filters, before_seq)
    bounds = {"first": first, "last": last, "max_rows": max_rows}
    actor, action = {"actor_id": filters.actor_id}, {"action": filters.action}
    if filters.object_id is not None:
        whose = {"object_kind": filters.object_kind, "object_id": filters.object_id}
        rows = await _SQL["list_of_object"].fetch(conn, **whose, **actor, **action, **bounds)
    elif filters.actor_id is not None:
        rows = await _SQL["list_of_actor"].fetch(conn, **actor, **action, **bounds)
    elif filters.action is not None:
        rows = await _SQL["list_of_action"].fetch(conn, **action, **bounds)
    else:
        rows = await _SQL["list_all"].fetch(conn, **bounds)
    return [_read_entry(row) for row in rows]


def name_object(name: str) -> UUID | str:
    """A ticket's reference or a word of ours as it is; for another name, such as an inbox has, an id made of it."""
    return name if _OBJECT.fullmatch(name) else derive_id("audit", name)


def name_word(text: str | None) -> str | None:
    """What may be a word of ours as a fact: as it is, or else "other"."""
    return text if text is None or _WORD.fullmatch(text) else "other"


def count_rows(counts: Mapping[str, int]) -> dict[str, Fact]:
    """Rows by table or class of data as facts; beyond what a fact may be, it is the most that it may be."""
    return {f"rows_{name.replace(' ', '_')}": min(count, _MAX_FIGURE - 1) for name, count in counts.items()}


def tell_apart(before: Facts, after: Facts) -> tuple[Facts, Facts]:
    """What is different of two descriptions of the same thing."""
    names = [name for name in after if before.get(name) != after[name]]
    return {name: before.get(name) for name in names}, {name: after[name] for name in names}


def describe_facts(facts: Facts) -> str:
    """Facts as JSON. Raises ValueError for a name or a value that is none of ours."""
    for name, value in facts.items():
        if not _NAME.fullmatch(name):
            raise ValueError(f"a fact is named in small letters and underscores, not {name!r}")
        if not _is_ours(value):
            raise ValueError(f"the fact {name} is no id, figure or word of ours")
    return json.dumps(facts, sort_keys=True, default=_name_value)


def derive_keys(secret_key: str) -> tuple[bytes, bytes]:
    """The key of the entries and that of the seal."""
    chain, seal = (bytes.fromhex(derive_token(secret_key, "audit", part)) for part in ("chain", "seal"))
    return chain, seal


def write_canonically(entry: dict[str, Any]) -> str:
    """An entry as the text that is hashed: the same from its parameters and from its row."""
    parts = {name: str(value) if isinstance(value, UUID) else value for name, value in entry.items()}
    for name in ("before", "after"):
        parts[name] = None if parts[name] is None else json.loads(parts[name])
    parts["address"] = None if parts["address"] is None else str(parts["address"])
    return json.dumps(parts, sort_keys=True)


async def _check_entries(conn: Conn, key: bytes, first: int, last: int, head_hash: bytes) -> Broken | None:
    """The first entry that is missing or was changed."""
    earlier = b"" if first == 1 else None
    expected = max(1, first - 1)
    while expected <= last:
        rows = await _SQL["list_from"].fetch(conn, first=expected, last=last, max_rows=BATCH_ROWS)
        for row in rows:
            if row["seq"] != expected:
                return Broken(expected, "missing")
            if earlier is not None and row["hash"] != _hash_entry(key, earlier, row):
                return Broken(expected, "changed")
            earlier, expected = row["hash"], expected + 1
        if not rows:
            return Broken(expected, "missing")
    return None if earlier == head_hash else Broken(last, "not the one that was written last")


def _hash_entry(key: bytes, earlier: bytes, row: Record) -> bytes:
    entry = {name: value for name, value in row.items() if name not in {"seq", "at", "hash"}}
    at = row["at"].astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
    return hmac.digest(key, earlier + f"{row['seq']} {at} {write_canonically(entry)}".encode(), "sha256")


def _is_sealed(head: Record, seal: bytes) -> bool:
    if head["seq"] == 0:
        return head["seal"] is None
    expected = hmac.digest(seal, head["hash"] + str(head["seq"]).encode(), "sha256")
    return head["seal"] is not None and hmac.compare_digest(head["seal"], expected)


def _pad(key: bytes, byte: int) -> bytes:
    """A key as HMAC mixes it into its inner or its outer hash, RFC 2104."""
    return bytes(part ^ byte for part in key.ljust(64, b"\0"))


async def _find_bounds(conn: Conn, filters: Filters, before_seq: int | None) -> tuple[int, int]:
    first, last = 1, _MAX_SEQ if before_seq is None else before_seq - 1
    if filters.since is not None:
        first = await _SQL["find_first_since"].fetch_value(conn, since=filters.since) or _MAX_SEQ
    if filters.until is not None:
        last = min(last, await _SQL["find_last_until"].fetch_value(conn, until=filters.until) or 0)
    return first, last


def _read_entry(row: Record) -> dict[str, Any]:
    entry = dict(row)
    for name in ("before", "after"):
        entry[name] = None if entry[name] is None else json.loads(entry[name])
    return entry


def _pair(before: Facts | None, after: Facts | None) -> tuple[tuple[str, Facts | None], ...]:
    return ("before", before), ("after", after)


def _is_ours(value: Fact) -> bool:
    match value:
        case None | bool() | UUID() | datetime():
            return True
        case int():
            return abs(value) < _MAX_FIGURE
        case str():
            return _WORD.fullmatch(value) is not None
        case _:
            items = cast("Sequence[Fact]", value)
            return len(items) <= MAX_ITEMS and all(isinstance(item, UUID | str) and _is_ours(item) for item in items)


def _name_value(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _cut(user_agent: str | None) -> str | None:
    if user_agent is None:
        return None
    return "".join(character for character in user_agent if character.isprintable())[:MAX_USER_AGENT]
