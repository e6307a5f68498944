"""Proof of addresses: a one-time code sent to the address that is claimed, and what follows when it comes back."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from core.ids import derive_token, matches_token
from database.pool import Conn
from database.queries.customers import add_stranger, drop_customer
from database.statements import load_statements
from database.types import ConversationId, CustomerId, MessageId

_SQL = load_statements("identities")

VALID_SECONDS = 600.0
MAX_ATTEMPTS = 3
# An hour. More would make the desk a machine that fills strangers' mailboxes.
MAX_CODES_PER_CONVERSATION = 6
MAX_CODES_PER_ADDRESS = 3


class TooManyCodes(Exception):
    """This conversation, or this address, has had its codes for the hour."""


@dataclass(frozen=True, slots=True)
class Proven:
    """An address that a conversation's customer has just proven, and the customer the conversation now belongs to."""

    kind: str
    value: str
    customer_id: CustomerId


async def add_code(
    conn: Conn, secret_key: str, conversation_id: ConversationId, email: str, *, code_id: UUID, code: str
) -> None:
    """Remember a code, as a hash, for ten minutes. Raises TooManyCodes."""
    await _SQL["lock_address"].execute(conn, value=email)
    recent = await _SQL["count_recent"].fetch_row(conn, conversation_id=conversation_id, value=email)
    if recent is not None and (
        recent["by_conversation"] >= MAX_CODES_PER_CONVERSATION or recent["for_value"] >= MAX_CODES_PER_ADDRESS
    ):
        raise TooManyCodes
    await _SQL["add"].execute(
        conn,
        id=code_id,
        conversation_id=conversation_id,
        kind="email",
        value=email,
        code_hash=_hash(secret_key, code_id, code),
        valid_seconds=VALID_SECONDS,
    )


async def has_open_code(conn: Conn, conversation_id: ConversationId) -> bool:
    """Whether a code was sent that can still be given."""
    found = await _SQL["find_open"].fetch_value(conn, conversation_id=conversation_id, max_attempts=MAX_ATTEMPTS)
    return found is not None


async def list_tried(conn: Conn, conversation_id: ConversationId, message_ids: Sequence[MessageId]) -> set[MessageId]:
    """Those of these messages that were a try at a code already."""
    rows = await _SQL["list_tried"].fetch(conn, conversation_id=conversation_id, message_ids=message_ids)
    return {MessageId(row["message_id"]) for row in rows}


async def confirm_code(
    conn: Conn, secret_key: str, conversation_id: ConversationId, code: str, *, message_id: MessageId | None = None
) -> Proven | None:
    """Take a code. The right one proves the address and joins what is proven; None otherwise, and the try counts.

    Commit in both cases, or guessing costs nothing. `message_id` is the message that was the code, for `list_tried`.
    """
    tried = await _SQL["try_code"].fetch_row(
        conn, conversation_id=conversation_id, max_attempts=MAX_ATTEMPTS, message_id=message_id
    )
    if tried is None or not matches_token(tried["code_hash"], _hash(secret_key, tried["id"], code)):
        return None
    if await _SQL["use"].fetch_value(conn, id=tried["id"]) is None:
        return None
    customer_id = await _join(conn, conversation_id, tried["kind"], tried["value"])
    return Proven(tried["kind"], tried["value"], customer_id)


async def find_conversation_of_ticket(conn: Conn, ref: str) -> ConversationId | None:
    """The conversation behind a ticket, once a worker has seen it."""
    found: ConversationId | None = await _SQL["find_conversation_by_ref"].fetch_value(conn, ref=ref)
    return found


async def _join(conn: Conn, conversation_id: ConversationId, kind: str, value: str) -> CustomerId:
    """One customer holds the address; the conversation, and what its customer has proven elsewhere, becomes theirs."""
    row = await _SQL["lock_customer"].fetch_row(conn, conversation_id=conversation_id)
    if row is None:
        raise LookupError(f"there is no conversation {conversation_id}")
    current, is_proven = CustomerId(row["id"]), row["is_proven"]
    holder: CustomerId | None = await _SQL["find_holder"].fetch_value(conn, kind=kind, value=value)
    if holder is None:
        # A customer who has proven nothing is everybody who ever typed the same address. And a conversation that is not
        # proven, or no longer, may be somebody else's than what its customer has proven in others.
        claimant = current if is_proven else await add_stranger(conn)
        holder = CustomerId(await _SQL["prove"].fetch_value(conn, kind=kind, value=value, customer_id=claimant))
        if claimant not in {holder, current}:
            await drop_customer(conn, claimant)
    if holder != current and is_proven:
        await _SQL["move_proven"].execute(conn, from_id=current, to_id=holder)
    await _SQL["move_conversation"].execute(conn, conversation_id=conversation_id, customer_id=holder)
    return holder


def _hash(secret_key: str, code_id: UUID, code: str) -> str:
    # A million values: without the key, whoever has a copy of the database would try them all in a second.
    return derive_token(secret_key, "code-hash", f"{code_id}:{code}")
