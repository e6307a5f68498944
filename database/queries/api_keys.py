"""API keys of staff and machines. Only the hash of a key is stored."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from core.ids import hash_secret, new_id
from database.pool import Conn
from database.statements import load_statements
from database.types import Tier

_SQL = load_statements("api_keys")

KEY_PREFIX = "nd_"  # scanners find by it a key that leaked
_SHOWN_CHARACTERS = len(KEY_PREFIX) + 8  # 32 of its 256 bits


@dataclass(frozen=True, slots=True)
class ApiKey:
    """Who calls, what they may do, and how much of it."""

    id: UUID
    name: str
    scopes: frozenset[str]
    tier: Tier


def make_key() -> str:
    """A fresh key with 256 random bits."""
    return f"{KEY_PREFIX}{secrets.token_hex(32)}"


async def add_api_key(
    conn: Conn, name: str, key: str, scopes: Sequence[str], *, tier: Tier = "standard", days: int | None = None
) -> UUID:
    """Register a key, for good or for so many days, and return its id."""
    key_id = new_id()
    await _SQL["add"].execute(
        conn,
        id=key_id,
        name=name,
        key_hash=hash_secret(key),
        prefix=key[:_SHOWN_CHARACTERS],
        scopes=sorted(set(scopes)),
        tier=tier,
        days=days,
    )
    return key_id


async def use_api_key(conn: Conn, key: str) -> ApiKey | None:
    """The holder of a key that is neither revoked nor past its end."""
    row = await _SQL["use"].fetch_row(conn, key_hash=hash_secret(key))
    return None if row is None else ApiKey(row["id"], row["name"], frozenset(row["scopes"]), row["tier"])


async def find_api_key(conn: Conn, key_id: UUID) -> dict[str, Any] | None:
    """What may be shown of a key."""
    row = await _SQL["find"].fetch_row(conn, id=key_id)
    return dict(row) if row else None


async def list_api_keys(conn: Conn, *, before: UUID | None = None, max_rows: int) -> list[dict[str, Any]]:
    """What may be shown of each key, the newest first; the next page is of those before the last one's id."""
    return [dict(row) for row in await _SQL["list_page"].fetch(conn, before=before, max_rows=max_rows)]


async def revoke_api_key(conn: Conn, key_id: UUID) -> bool:
    """Close a key at once and for good. False if there is none with this id."""
    return await _SQL["revoke"].fetch_value(conn, id=key_id) is not None
