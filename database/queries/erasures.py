"""Erasing what is known of a person: a thread with everything that hangs on it, and what is left beside threads."""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from core.ids import derive_id
from database.pool import Conn
from database.statements import load_statements
from database.types import ConversationId, CustomerId, ThreadId

_SQL = load_statements("erasures")

_FIRST = UUID(int=0)
_ESCAPE = r"[\\=%](u[0-9a-f]{4}|[0-9a-f]{2,3}|[nrt])"


@dataclass(frozen=True, slots=True)
class Certificate:
    """What was erased, for the record, with nothing personal in it.

    `subjects` are keyed hashes of the identifiers: who knows an address and the key can tell whether it was erased.
    `counts` are deleted rows by table; `finished_at` is None while there may be more.
    """

    customer_id: CustomerId
    subjects: Sequence[str]
    erased_by: str
    counts: Mapping[str, int]
    begun_at: datetime
    finished_at: datetime | None


async def find_certificate(conn: Conn, customer_id: CustomerId) -> Certificate | None:
    """What is on record of this customer's erasure."""
    row = await _SQL["find"].fetch_row(conn, customer_id=customer_id)
    return None if row is None else Certificate(**{**row, "counts": json.loads(row["counts"])})


async def begin(conn: Conn, customer_id: CustomerId, *, subjects: Sequence[str], erased_by: str) -> None:
    """Put it on record that this customer is erased from now on. Who asked first stays."""
    await _SQL["begin"].execute(conn, customer_id=customer_id, subjects=subjects, erased_by=erased_by)


async def add_counts(conn: Conn, customer_id: CustomerId, counts: Mapping[str, int]) -> None:
    """So many more rows were erased."""
    await _SQL["add_counts"].execute(conn, customer_id=customer_id, counts=json.dumps(counts))


async def finish(conn: Conn, customer_id: CustomerId) -> None:
    """Nothing is left of the customer."""
    await _SQL["finish"].execute(conn, customer_id=customer_id)


async def exists(conn: Conn, customer_id: CustomerId) -> bool:
    """Whether there is such a customer."""
    return bool(await _SQL["has_customer"].fetch_value(conn, customer_id=customer_id))


async def list_addresses(conn: Conn, customer_id: CustomerId) -> list[str]:
    """Everything the customer is known by, whatever its level of proof."""
    rows = await _SQL["list_identifiers"].fetch(conn, customer_id=customer_id)
    return sorted({row["value"] for row in rows})


async def list_threads(conn: Conn, customer_id: CustomerId) -> list[ThreadId]:
    """The threads of the customer: those with a conversation, those that wait to be seen, and buried ones."""
    rows = await _SQL["list_threads"].fetch(conn, customer_id=customer_id)
    rows += await _SQL["list_waiting"].fetch(conn, customer_id=customer_id)
    after = _FIRST
    while letters := await _SQL["list_buried"].fetch(conn, customer_id=customer_id, after=after):
        rows += [letter for letter in letters if letter["is_theirs"]]
        after = letters[-1]["id"]
    return list(dict.fromkeys(ThreadId(row["thread_id"]) for row in rows))


async def erase_thread(conn: Conn, thread_id: ThreadId, *, only_asleep: bool = False) -> Counter[str]:
    """Delete a thread with its conversation, ticket, files, runs, queue rows, and what was learned from it.

    Takes the lease away from whoever works on it. With `only_asleep` a thread with messages waiting is left alone.
    Returns deleted rows by table; empty where there is no such thread.
    """
    counts = Counter[str]()
    thread = await _SQL["lock_thread"].fetch_row(conn, thread_id=thread_id)
    if thread is None or (only_asleep and not thread["is_asleep"]):
        return counts
    await _SQL["bury"].execute(conn, thread_id=thread_id)
    conversation_id = thread["conversation_id"]
    counts["message_sources"] = await _SQL["forget_sources"].fetch_value(
        conn, thread_id=thread_id, conversation_id=conversation_id
    )
    if conversation_id is not None:
        counts += await _erase_conversation(conn, conversation_id, thread["ticket_id"])
    for table, statement in (
        ("dead_letters", _SQL["delete_letters"]),
        ("queue_failures", _SQL["delete_failures"]),
        ("message_queue", _SQL["delete_queued"]),
    ):
        counts[table] = await statement.fetch_value(conn, thread_id=thread_id)
    counts["thread_keys"] = await _SQL["delete_keys"].fetch_value(
        conn,
        channel=thread["channel"],
        inbox=thread["inbox"],
        contact=thread["contact"],
        owner_key=derive_id(f"owner:{thread['contact']}"),
    )
    await _SQL["delete_thread"].execute(conn, thread_id=thread_id)
    counts["queue_threads"] = 1
    if only_asleep and thread["customer_id"] is not None:
        counts["customers"] = await _drop_lonely(conn, thread["customer_id"])
    return +counts


async def _erase_conversation(conn: Conn, conversation_id: ConversationId, ticket_id: UUID | None) -> Counter[str]:
    (rows,) = await _SQL["count_rows"].fetch(conn, conversation_id=conversation_id)
    counts = Counter[str](dict(rows))
    if ticket_id is not None:
        counts["knowledge_vectors"] = await _SQL["forget_vectors"].fetch_value(conn, ticket_id=ticket_id)
        counts["intent_models"] = await _forget_models(conn, ticket_id)
    files = await _SQL["delete_files"].fetch(conn, conversation_id=conversation_id)
    counts["message_attachments"] = len(files)
    digests = [file["digest"] for file in files if file["digest"] is not None]
    counts["attachments"] = await _SQL["delete_contents"].fetch_value(conn, digests=digests)
    await _SQL["delete_conversation"].execute(conn, conversation_id=conversation_id)
    counts["conversations"] = 1
    return counts


async def _forget_models(conn: Conn, ticket_id: UUID) -> int:
    forgotten = await _SQL["forget_models"].fetch(conn, ticket_id=ticket_id)
    for basis in {row["basis"] for row in forgotten}:
        await _SQL["fall_back"].execute(conn, basis=basis)
    return len(forgotten)


async def forget_sources(conn: Conn, addresses: Sequence[str], *, after: UUID = _FIRST) -> tuple[UUID | None, int]:
    """Empty those of the next sources that name one of these addresses: the last one looked at, and how many.

    None when there are no more. Numbers are looked for without their plus, as some vendors write them.
    """
    needles = [address.lower().removeprefix("+") for address in addresses]
    patterns = [_write_pattern(needle) for needle in needles]
    row = await _SQL["look_into_sources"].fetch_row(conn, after=after, needles=needles, patterns=patterns)
    return (None, 0) if row is None else (row["last"], row["forgotten"])


def _write_pattern(needle: str) -> str:
    """Where a needle stands by itself, for PostgreSQL; before it there may be a byte as mail, JSON or SQL escapes it.

    Anybody may have given t@example.com in the form: erasing them must not empty every mail to support@example.com.
    """
    escaped = re.escape(needle)
    return rf"(^|[^a-z0-9]|{_ESCAPE}){escaped}($|[^a-z0-9])" if "@" in needle else escaped


async def erase_rest(conn: Conn, customer_id: CustomerId, addresses: Sequence[str]) -> Counter[str]:
    """Delete what is left: sign-ins, codes sent to their addresses, and the customer, if no conversation is left."""
    counts = Counter[str]()
    await _SQL["delete_code_letters"].execute(conn, addresses=addresses)
    counts["identity_codes"] = await _SQL["delete_codes"].fetch_value(conn, addresses=addresses)
    counts["users"] = await _SQL["delete_users"].fetch_value(conn, customer_id=customer_id)
    counts["customers"] = await _drop_lonely(conn, customer_id)
    counts["customer_identifiers"] = len(addresses) if counts["customers"] else 0
    return +counts


async def _drop_lonely(conn: Conn, customer_id: CustomerId) -> int:
    await _SQL["lock_customer"].execute(conn, customer_id=customer_id)
    dropped: int = await _SQL["drop_lonely"].fetch_value(conn, customer_id=customer_id)
    return dropped
