"""Taking in what a channel read: messages to the queue, reports to the outbox, consent and proof to their tables.

In the caller's transaction, so that a source is taken in whole or not at all; taking it in again changes nothing.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from core.tracing import describe_queueing, trace_step
from database import outbox, queue
from database.pool import Conn
from database.queries import inboxes, notices, sources
from database.storable import make_storable, shorten
from database.types import Channel, InboundMessage, MessageId, Parsed, Published, Source, SourceId, StatusUpdate
from database.undelivered import wait_for_customer

UNREADABLE = "unreadable"
CUT = "(The rest was too long for the desk; the source has all of it.)"
_MARGIN_BYTES = 1024
_CUT_CHARACTERS = 20_000
_CUT_LIST = 20
_CUT_FIELD = 320  # an address has at most so many characters
_CUT_FIELDS = 5


@dataclass
class TakenIn:
    """What came of a source. `unmatched` are reports on replies that are not ours; `has_moved` says that the outbox
    changed, so that deliveries may go on.
    """

    published: list[Published] = field(default_factory=list)
    woken: list[str] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)
    unmatched: int = 0
    has_moved: bool = False


async def take_in(conn: Conn, channel: Channel, source_id: SourceId | None, parsed: Parsed) -> TakenIn:
    """Write everything that a source said. Contents of files must be stored before."""
    parsed = make_storable(parsed)
    taken = TakenIn(ignored=Counter(parsed.ignored))
    taken.published = await _publish(conn, parsed.messages, source_id)
    for published in taken.published:
        if published.is_erased:
            await sources.forget_erased(conn, source_id, published.message)
    # A STOP that is delivered once more, after the customer's START, must not silence them again.
    if not taken.published or any(published.is_new for published in taken.published):
        for identity in parsed.revoked:
            await sources.revoke_proof(conn, channel, identity)
        for consent in parsed.consents:
            await sources.record_consent(conn, consent)
    for update in parsed.statuses:
        await _report(conn, channel, update, taken)
    for inbox in parsed.wakes:
        await inboxes.want_sync(conn, channel, inbox)
        taken.woken.append(inbox)
    return taken


def describe_unreadable(source: Source, reason: str) -> Parsed:
    """A message that stands for a source that cannot be read: a dead letter, and a ticket for a person."""
    message = InboundMessage(
        channel=source.channel,
        inbox=source.inbox,
        contact=f"{UNREADABLE}:{source.external_id}"[:500],
        external_id=f"{UNREADABLE}:{source.external_id}"[:1000],
        fingerprint="",
        sender=None,
        text="",
        problem=reason[:500],
    )
    return Parsed(messages=(message,))


def fit(message: InboundMessage) -> InboundMessage:
    """The message as large as the queue takes it. What is cut off is still in the source, and the text says so."""
    if _fits(message):
        return message
    text = f"{message.text[:_CUT_CHARACTERS]}\n{CUT}"
    cut = message.model_copy(
        update={
            "text": text,
            "quoted": "",
            "attachments": message.attachments[:_CUT_LIST],
            "follows": message.follows[:_CUT_LIST],
            "known_as": message.known_as[:_CUT_LIST],
        }
    )
    if _fits(cut):
        return cut
    # Somebody has filled what nobody fills: names, references. Its place in the queue must stay what it is.
    kept = {"contact": message.contact, "external_id": message.external_id, "text": text}
    return shorten(cut, max_characters=_CUT_FIELD, max_items=_CUT_FIELDS).model_copy(update=kept)


def _fits(message: InboundMessage) -> bool:
    return len(message.model_dump_json().encode()) <= queue.MAX_PAYLOAD_BYTES - _MARGIN_BYTES


async def _publish(conn: Conn, messages: Sequence[InboundMessage], source_id: SourceId | None) -> list[Published]:
    if not messages:
        return []
    placed = [
        await sources.find_thread(conn, fit(message).model_copy(update={"source_id": source_id}))
        for message in messages
    ]
    if len(placed) == 1:
        return [await queue.publish(conn, placed[0])]
    return await queue.publish_many(conn, placed)


async def _report(conn: Conn, channel: Channel, update: StatusUpdate, taken: TakenIn) -> None:
    reply = await outbox.find_reply(conn, channel, update)
    if reply is None:
        taken.unmatched += 1
        return
    attributes = {**describe_queueing("report", "outbox", channel), "nightdesk.delivery.state": update.state}
    with trace_step("report outbox", "consumer", attributes, continued=reply.trace):
        await _move(conn, channel, reply.id, update, taken)


async def _move(conn: Conn, channel: Channel, reply_id: MessageId, update: StatusUpdate, taken: TakenIn) -> None:
    if update.is_window_closed and await wait_for_customer(
        conn, reply_id, update.error or "the 24 hours are over", vendor_id=update.vendor_id
    ):
        taken.has_moved = True
        return
    if update.retry_seconds is not None and await outbox.retry_reported(
        conn, channel, reply_id, update, max_attempts=outbox.MAX_ATTEMPTS
    ):
        taken.has_moved = True
        return
    moved = await outbox.apply_status(conn, channel, reply_id, update)
    if moved is None:
        return
    taken.has_moved = True
    if update.state == "failed":
        await notices.report_undelivered(conn, moved.id, "undelivered", update.error or "the vendor did not deliver it")
    else:
        await notices.settle_notices(conn, moved.id)
