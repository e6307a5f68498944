"""Everything that is kept of a customer, for the customer: piece by piece, so that it never has to fit into memory."""

import json
from collections.abc import AsyncIterator
from typing import Any

from database.pool import DbPool
from database.queries.customers import LATEST_CONVERSATIONS
from database.statements import load_statements
from database.types import CustomerId

_SQL = load_statements("exports")


async def view_customer(pool: DbPool, customer_id: CustomerId) -> dict[str, Any] | None:
    """A customer with identifiers, accounts, latest conversations, and the inboxes that they have said STOP to."""
    async with pool.acquire() as conn:
        row = await _SQL["view_customer"].fetch_row(
            conn, customer_id=customer_id, max_conversations=LATEST_CONVERSATIONS
        )
    if row is None:
        return None
    return {**row, **{name: json.loads(row[name]) for name in ("identifiers", "accounts", "conversations", "opt_outs")}}


async def export_customer(pool: DbPool, customer: dict[str, Any]) -> AsyncIterator[str]:
    """One JSON document in pieces: who they are as `view_customer` tells it, then all conversations, then all files.

    A conversation has its messages with what became of their delivery, its ticket, facts, feedback and decisions; a
    file has its content in base64. What changes meanwhile is as it is when its turn comes.
    """
    customer_id = customer["id"]
    head = {name: value for name, value in customer.items() if name != "conversations"}
    async with pool.acquire() as conn:
        conversations = await _SQL["list_conversations"].fetch(conn, customer_id=customer_id)
        files = await _SQL["list_files"].fetch(conn, customer_id=customer_id)
    yield f'{{"customer": {json.dumps(head, default=str)}, "conversations": ['
    for place, row in enumerate(conversations):
        async with pool.acquire() as conn:
            found = await _SQL["read_conversation"].fetch_value(conn, conversation_id=row["id"])
        yield f"{', ' if place else ''}{found or 'null'}"
    yield '], "files": ['
    for place, file in enumerate(files):
        async with pool.acquire() as conn:
            content = await _SQL["read_content"].fetch_value(conn, file_id=file["id"])
        described = {**file, "content_base64": content and content.replace("\n", "")}
        yield f"{', ' if place else ''}{json.dumps(described, default=str)}"
    yield "]}"
