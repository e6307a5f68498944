"""Sources as they arrived, the threads their messages belong to, and what else they tell us."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from core.ids import derive_id, new_id
from database.pool import Conn
from database.statements import load_statements
from database.storable import clean_reason, make_storable
from database.types import Channel, Consent, Identity, InboundMessage, Source, SourceId, derive_thread_id

_SQL = load_statements("sources")

_SUBJECT = "subject:"  # so begin the names that channels.mail.threads makes of subjects
_USER = "user:"
_OWNER = "owner:"

SourceState = Literal["stored", "ignored", "malformed"]


@dataclass(frozen=True, slots=True)
class StoredSource:
    """A source from the database. `origin` is 'poll' or the address of a webhook; only a fetched one has a body."""

    id: SourceId
    source: Source
    origin: str
    state: str
    reason: str | None
    has_body: bool
    received_at: datetime


async def list_ids(conn: Conn, channel: Channel, inbox: str, external_ids: Sequence[str]) -> None:
    """Note what is to be fetched; what is known already stays as it is."""
    await _SQL["list_ids"].execute(
        conn, channel=channel, inbox=inbox, ids=[new_id() for _ in external_ids], external_ids=external_ids
    )


async def find_listed(conn: Conn, channel: Channel, inbox: str, *, max_rows: int) -> list[tuple[SourceId, str]]:
    """What is still to be fetched, in the order it was listed: ids and external ids."""
    rows = await _SQL["find_listed"].fetch(conn, channel=channel, inbox=inbox, max_rows=max_rows)
    return [(SourceId(row["id"]), row["external_id"]) for row in rows]


async def is_known(conn: Conn, source: Source) -> bool:
    """Whether this very source has been kept before."""
    found = await _SQL["find_known"].fetch_value(
        conn, channel=source.channel, inbox=source.inbox, external_id=source.external_id
    )
    return found is not None


async def keep_source(
    conn: Conn, source: Source, *, origin: str, state: SourceState, reason: str | None = None
) -> SourceId:
    """Store a source as it arrived; one that is known keeps its row."""
    kept: SourceId = await _SQL["keep"].fetch_value(
        conn,
        id=new_id(),
        channel=source.channel,
        inbox=source.inbox,
        external_id=source.external_id,
        origin=origin,
        state=state,
        reason=None if reason is None else clean_reason(reason),
        facts=json.dumps(make_storable(dict(source.facts))),
        body=source.body,
    )
    return kept


async def count_failed_fetch(conn: Conn, source_id: SourceId) -> int:
    """One more fetch of this source failed although its inbox answered; returns how many did after its first hour."""
    failed: int | None = await _SQL["count_failed_fetch"].fetch_value(conn, id=source_id)
    return failed or 0


async def list_again(conn: Conn, source_id: SourceId) -> bool:
    """Let the next sync fetch what was set aside because it could not be fetched. False if this is no such source."""
    return bool(await _SQL["list_again"].fetch_value(conn, id=source_id))


async def mark_gone(conn: Conn, source_id: SourceId) -> None:
    """It was deleted at the vendor's before it could be fetched."""
    await _SQL["mark_gone"].execute(conn, id=source_id)


async def find_source(conn: Conn, source_id: SourceId) -> StoredSource | None:
    """One source, with its body."""
    row = await _SQL["find"].fetch_row(conn, id=source_id)
    if row is None:
        return None
    source = Source(row["channel"], row["inbox"], row["external_id"], row["body"] or b"", json.loads(row["facts"]))
    has_body = row["body"] is not None
    return StoredSource(
        row["id"], source, row["origin"], row["state"], row["reason"], has_body, received_at=row["received_at"]
    )


async def forget_erased(conn: Conn, source_id: SourceId | None, message: InboundMessage) -> None:
    """What was erased has come back: empty its source, and the names of its thread."""
    await _SQL["forget"].execute(conn, id=source_id)
    await _SQL["forget_names"].execute(conn, channel=message.channel, inbox=message.inbox, contact=message.contact)


async def mark_read(conn: Conn, source_id: SourceId, state: SourceState, reason: str | None = None) -> None:
    """What another reading made of it."""
    await _SQL["mark_read"].execute(
        conn, id=source_id, state=state, reason=None if reason is None else clean_reason(reason)
    )


async def find_thread(conn: Conn, message: InboundMessage) -> InboundMessage:
    """The message in the thread that it follows, if its sender is in one; remembers under which names that is known.

    Needs the inbox to itself: two messages of one new thread that are read at once would begin two.
    """
    sender = message.sender
    if sender is None or not (message.follows or message.known_as):
        return message
    place = (message.channel, message.inbox)
    participant = _name_participant(message.channel, sender)
    found = await _find_contact(conn, place, participant, message.follows) if message.follows else None
    user = next((name for name in message.known_as if name.startswith(_USER)), None)
    if found and user and await _find_contact(conn, place, participant, [f"{_OWNER}{found}"]) not in {None, user}:
        found = None  # the number belongs to somebody else now
    message = message.model_copy(update={"contact": found}) if found else message
    if message.known_as:
        await remember_names(conn, place, participant, message.known_as, contact=message.contact)
    if user:
        await _remember_owner(conn, place, participant, message.contact, user)
    return message


async def _find_contact(conn: Conn, place: tuple[str, str], participant: str, names: Sequence[str]) -> str | None:
    found: str | None = await _SQL["find_contact"].fetch_value(
        conn, channel=place[0], inbox=place[1], participant=participant, keys=[derive_id(name) for name in names]
    )
    return found


async def _remember_owner(conn: Conn, place: tuple[str, str], participant: str, contact: str, user: str) -> None:
    """Whose thread it is, by the id that stays with a person when their number goes to another."""
    await _SQL["remember_keys"].execute(
        conn,
        channel=place[0],
        inbox=place[1],
        participant=participant,
        contact=user,
        keys=[derive_id(f"{_OWNER}{contact}")],
    )


async def remember_names(
    conn: Conn, place: tuple[str, str], participant: str, names: Sequence[str], *, contact: str
) -> None:
    """From now on these names lead the participant to this thread. `place` is its channel and inbox.

    A name is given once. But a subject is used again and again, and who shows a number and an id on WhatsApp is one
    customer: these lead to the thread that had them last.
    """
    moving = {name for name in names if place[0] == "whatsapp" or name.startswith(_SUBJECT)}
    key = {"channel": place[0], "inbox": place[1], "participant": participant, "contact": contact}
    # Sorted, so that two at once lock them in one order.
    await _SQL["remember_keys"].execute(conn, **key, keys=sorted(map(derive_id, {*names} - moving)))
    await _SQL["lead_keys"].execute(conn, **key, keys=sorted(map(derive_id, moving)))


async def record_consent(conn: Conn, consent: Consent) -> None:
    """The customer wants no more messages, or wants them again."""
    statement = _SQL["opt_in"] if consent.is_given else _SQL["opt_out"]
    await statement.execute(conn, channel=consent.channel, inbox=consent.inbox, address=consent.address)


async def revoke_proof(conn: Conn, channel: Channel, identity: Identity) -> None:
    """The channel no longer vouches for this identifier: nobody is proven by it, in any conversation.

    Whoever writes under it next begins a thread of their own.
    """
    led = await _SQL["redirect_keys"].fetch(
        conn,
        channel=channel,
        keys=[derive_id(f"{kind}:{identity.value}") for kind in ("phone", "user")],
        contact=f"{identity.value} {new_id()}",
    )
    await _SQL["revoke_conversations"].execute(
        conn,
        kind=identity.kind,
        value=identity.value,
        channel=channel,
        thread_ids=[derive_thread_id(channel, row["inbox"], row["contact"]) for row in led],
    )
    await _SQL["revoke_proof"].execute(conn, kind=identity.kind, value=identity.value)


def _name_participant(channel: Channel, sender: Identity) -> str:
    # On WhatsApp the names of a thread are proven themselves, and one customer writes now under one, now under another.
    return "" if channel == "whatsapp" else sender.value
