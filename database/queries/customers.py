"""Customers and their identifiers."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from core.ids import new_id
from database.pool import Conn
from database.statements import load_statements
from database.types import ConversationId, CustomerId, IdentifierKind, Identity

_SQL = load_statements("customers")

LATEST_CONVERSATIONS = 20


async def resolve_customer(conn: Conn, identity: Identity, also: Sequence[Identity] = ()) -> CustomerId:
    """The customer who holds one of these identifiers at its proof level, created if nobody does.

    The customer then holds all of them that were free. A self-reported address has a customer of its own, so that
    typing somebody's address never leads to them, and what is known less or better than `identity` is not joined to it.
    """
    also = [] if identity.level == "self_reported" else [each for each in also if each.level == identity.level]
    customer_id = (
        await find_customer(conn, identity) or await _join(conn, identity, also) or await _hold(conn, identity)
    )
    for further in (identity, *also) if also else ():
        await _SQL["add_identifier"].fetch_value(conn, **_key(further), customer_id=customer_id)
    return customer_id


async def _join(conn: Conn, identity: Identity, also: Sequence[Identity]) -> CustomerId | None:
    """Who holds one of the further identifiers, unless they are known by another id of the kind of `identity`.

    Then a number has gone from one person to another, and the first one is left without it.
    """
    for further in also:
        holder = await find_customer(conn, further)
        if holder is None:
            continue
        if not await _SQL["has_rival"].fetch_value(conn, id=holder, kind=identity.kind, value=identity.value):
            return holder
        await _SQL["take_identifier"].execute(conn, **_key(further))
    return None


async def find_customer(conn: Conn, identity: Identity) -> CustomerId | None:
    """Who holds this identifier at its proof level."""
    holder: CustomerId | None = await _SQL["find_by_identifier"].fetch_value(conn, **_key(identity))
    return holder


async def find_proven_email(conn: Conn, customer_id: CustomerId) -> tuple[str, str] | None:
    """An address that the customer has proven, best the one they sign in with, and their name."""
    row = await _SQL["find_proven_email"].fetch_row(conn, customer_id=customer_id)
    return (row["value"], row["name"]) if row else None


def _key(identity: Identity) -> dict[str, str]:
    return {"kind": identity.kind, "value": identity.value, "level": identity.level}


async def _hold(conn: Conn, identity: Identity) -> CustomerId:
    """A new customer with this identifier, or whoever was faster."""
    key = _key(identity)
    customer_id = CustomerId(new_id())
    await _SQL["add_customer"].execute(conn, id=customer_id, name=identity.name)
    holder: CustomerId = await _SQL["add_identifier"].fetch_value(conn, **key, customer_id=customer_id)
    if holder != customer_id:
        await drop_customer(conn, customer_id)
    return holder


async def add_stranger(conn: Conn) -> CustomerId:
    """A customer of whom nothing is known, for messages that do not say who wrote them."""
    customer_id = CustomerId(new_id())
    await _SQL["add_customer"].execute(conn, id=customer_id, name="")
    return customer_id


async def drop_customer(conn: Conn, customer_id: CustomerId) -> None:
    """Forget a customer who was made for nothing, because somebody else was faster."""
    await _SQL["drop_customer"].execute(conn, id=customer_id)


async def find_plans(conn: Conn, kind: IdentifierKind, value: str) -> list[str]:
    """The paid plans of customers with this address."""
    plans: list[str] = await _SQL["find_plans"].fetch_value(conn, kind=kind, value=value)
    return plans


async def look_up_customers(conn: Conn, kind: IdentifierKind, value: str) -> list[dict[str, Any]]:
    """Every customer with this address, with the level at which they hold it and their latest conversations."""
    rows = await _SQL["look_up"].fetch(conn, kind=kind, value=value, max_conversations=LATEST_CONVERSATIONS)
    return [{**dict(row), "conversations": json.loads(row["conversations"])} for row in rows]


async def list_holders(conn: Conn, value: str) -> list[dict[str, Any]]:
    """Every customer who is known by this address or number: id, level, and how many conversations."""
    return [dict(row) for row in await _SQL["list_holders"].fetch(conn, value=value)]


async def list_history(
    conn: Conn,
    customer_id: CustomerId,
    *,
    leave_out: ConversationId,
    as_of: datetime | None = None,
    max_rows: int = 10,
) -> list[dict[str, Any]]:
    """Earlier tickets of this customer on every channel, newest first; none that was opened after `as_of`."""
    rows = await _SQL["list_history"].fetch(
        conn, customer_id=customer_id, conversation_id=leave_out, as_of=as_of, max_rows=max_rows
    )
    return [dict(row) for row in rows]
