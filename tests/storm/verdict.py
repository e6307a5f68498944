"""What the vendors have at the end, held against what their customers wrote."""

import email
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from email.policy import default
from typing import Any

from channels.mail.compose import REPLY_HEADER
from database.pool import DbPool
from tests.chaos.traffic import read_names
from tests.storm.customers import Customers
from tests.storm.vendors import Vendors

_STORED = "SELECT payload ->> 'text' AS text FROM message_queue ORDER BY thread_id, seq"
_SHOWN = """
SELECT o.id, m.text FROM outbox o JOIN messages m ON m.id = o.id
 WHERE o.channel = 'web' AND o.state IN ('sent', 'delivered', 'read') ORDER BY o.created_at, o.id"""
_IN_DOUBT = """
SELECT o.id, o.channel, o.error, m.text FROM outbox o JOIN messages m ON m.id = o.id WHERE o.state = 'unknown'"""
_UNSETTLED = """
SELECT (SELECT count(*) FROM queue_threads WHERE ready_at IS NOT NULL)
     + (SELECT count(*) FROM outbox WHERE state IN ('queued', 'sending', 'needs_template'))
     + (SELECT count(*) FROM outbox WHERE state = 'unknown' AND ready_at < 'infinity')
     + (SELECT count(*) FROM message_sources WHERE state = 'listed')"""


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply as a vendor accepted it. `id` is ours, as the vendor was given it."""

    id: str
    text: str


@dataclass(slots=True)
class Verdict:
    """Names of messages, but `unknown` has deliveries. A message whose only reply is in doubt is not lost."""

    messages: int
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    out_of_order: list[str] = field(default_factory=list)
    unknown: list[dict[str, Any]] = field(default_factory=list)
    replies: Counter[str] = field(default_factory=Counter)


async def is_settled(pool: DbPool, messages: int) -> bool:
    """Whether all messages have come, and nothing waits to be fetched, answered, sent or asked about."""
    stored = await pool.fetchval("SELECT count(*) FROM message_queue")
    return bool(stored >= messages and await pool.fetchval(_UNSETTLED) == 0)


async def count(pool: DbPool, customers: Customers) -> Verdict:
    """Count at the vendors. Order is that in which the desk took the messages, whatever order they were brought in."""
    verdict = Verdict(messages=customers.count)
    in_doubt = await pool.fetch(_IN_DOUBT)
    verdict.unknown = [{"id": str(row["id"]), "channel": row["channel"], "error": row["error"]} for row in in_doubt]
    doubted = {name for row in in_doubt for name in read_names(row["text"])}
    stored = defaultdict[str, list[str]](list)
    for row in await pool.fetch(_STORED):
        for name in read_names(row["text"]):
            stored[_thread_of(name)].append(name)
    answered = defaultdict[str, list[str]](list)
    for channel, replies in (await collect_replies(pool, customers.vendors)).items():
        verdict.replies[channel] = len(replies)
        for reply in replies:
            for name in read_names(reply.text):
                answered[_thread_of(name)].append(name)
    for thread, written in customers.written.items():
        found = answered[str(thread)]
        verdict.lost += [name for name in written if name not in found and name not in doubted]
        verdict.doubled += [name for name, times in Counter(found).items() if times > 1]
        once = list(dict.fromkeys(found))
        if once != [name for name in stored[str(thread)] if name in once]:
            verdict.out_of_order.append(f"#{thread}")
    return verdict


async def collect_replies(pool: DbPool, vendors: Vendors) -> dict[str, list[Reply]]:
    """Everything that was accepted for customers, in the order it was."""
    sent = [mail.raw for mail in vendors.gmail.mailbox.mails.values() if "SENT" in mail.labels]
    return {
        "gmail": [_read_mail(raw) for raw in sent],
        "mailbox": [_read_mail(mail.content) for mail in vendors.smtp.accepted],
        "meta": [Reply(accepted.outbox, accepted.text) for accepted in vendors.meta.accepted],
        "twilio": [
            Reply(message.outbox or "", message.body)
            for message in vendors.twilio.messages.values()
            if message.direction == "outbound-api"
        ],
        "web": [Reply(str(row["id"]), row["text"]) for row in await pool.fetch(_SHOWN)],
    }


def _read_mail(raw: bytes) -> Reply:
    mail = email.message_from_bytes(raw, policy=default)
    body = mail.get_body(("plain",))
    return Reply(str(mail[REPLY_HEADER]), "" if body is None else str(body.get_content()))


def _thread_of(name: str) -> str:
    return name[1:].partition(".")[0]
