"""A desk's past, written row by row into the tables and beside them, so that both can be counted and compared."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from core.ids import new_id
from database.pool import Conn


@dataclass
class Reply:
    """A reply that was written, and what became of it."""

    id: UUID
    author: str
    written_at: datetime
    sent_at: datetime | None = None
    has_failed: bool = False


@dataclass
class Turn:
    """A turn of the agent; `cost` is None where nobody knows it."""

    at: datetime
    milliseconds: int
    sentiment: float
    tokens: int
    cost: float | None


@dataclass
class Ticket:
    """A ticket with everything that counts."""

    channel: str
    came_at: datetime
    id: UUID = field(default_factory=new_id)
    status: str = "open"
    is_handed_over: bool = False
    is_reopened: bool = False
    written_at: list[datetime] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    ratings: list[tuple[datetime, UUID, int]] = field(default_factory=list)


class History:
    """What has happened, in the order in which it became known."""

    def __init__(self, conn: Conn) -> None:
        self.conn = conn
        self.tickets: list[Ticket] = []

    async def open(self, channel: str, at: datetime, *, inbox: str = "form") -> Ticket:
        """A customer writes for the first time."""
        ticket = Ticket(channel, at)
        await self.conn.execute(
            """WITH thread AS (INSERT INTO queue_threads (id, channel, inbox, contact) VALUES ($1, $2, $3, $4)),
                    customer AS (INSERT INTO customers (id) VALUES ($1)),
                    conversation AS (
                        INSERT INTO conversations (id, thread_id, customer_id, channel, inbox, identity_level)
                        VALUES ($1, $1, $1, $2, $3, 'proven'))
               INSERT INTO tickets (id, ref, conversation_id, subject, category, priority, first_reply_due, created_at)
               VALUES ($1, $4, $1, 'subject', 'general', 'medium', $5, $5)""",
            ticket.id,
            channel,
            inbox,
            f"{'PROBE' if inbox == 'probe' else 'TF'}-{ticket.id.hex}",
            at,
        )
        await self.write(ticket, at)
        self.tickets.append(ticket)
        return ticket

    async def write(self, ticket: Ticket, at: datetime) -> None:
        """The customer writes."""
        await self._add_message(ticket, new_id(), "customer", at)
        ticket.written_at.append(at)

    async def reply(self, ticket: Ticket, author: str, at: datetime) -> Reply:
        """Somebody answers, and nothing is sent yet."""
        reply = Reply(new_id(), author, at)
        await self._add_message(ticket, reply.id, author, at)
        await self.conn.execute(
            """INSERT INTO outbox (id, conversation_id, channel, inbox, created_at)
               VALUES ($1, $2, $3, 'form', $4)""",
            reply.id,
            ticket.id,
            ticket.channel,
            at,
        )
        ticket.replies.append(reply)
        return reply

    async def send(self, reply: Reply, at: datetime) -> None:
        """The reply goes out."""
        await self.conn.execute("UPDATE outbox SET state = 'sent', sent_at = $2 WHERE id = $1", reply.id, at)
        reply.sent_at, reply.has_failed = at, False

    async def fail(self, reply: Reply) -> None:
        """The vendor says that it could not be delivered."""
        await self.conn.execute("UPDATE outbox SET state = 'failed' WHERE id = $1", reply.id)
        reply.has_failed = True

    async def move(self, ticket: Ticket, status: str) -> None:
        """The ticket gets another status; from a settled one to `open`, its customer has reopened it."""
        ticket.is_reopened |= status == "open" and ticket.status in {"auto_resolved", "closed"}
        ticket.is_handed_over |= status == "escalated"
        ticket.status = status
        await self.conn.execute(
            """UPDATE tickets SET status = $2, reopenings = $3::int, route = 'general', handover_reason = $4
                WHERE id = $1""",
            ticket.id,
            status,
            int(ticket.is_reopened),
            "reason" if ticket.is_handed_over else None,
        )

    async def take_turn(self, ticket: Ticket, turn: Turn) -> None:
        """The agent thinks."""
        await self.conn.execute(
            """WITH run AS (
                   INSERT INTO agent_runs (id, conversation_id, attempt, through_seq, brain, model, prompt_hash,
                                           outcome, decision, stages, input_tokens, output_tokens, cost_usd, created_at)
                   VALUES ($1, $2, 1, 1, 'b', 'm', 'h', 'answered', '{}', '{}', $3, $3, $4, $5))
               INSERT INTO agent_metrics (run_id, channel, inbox, outcome, confidence, sentiment, agent_ms, reply_ms,
                                          created_at)
               VALUES ($1, $6, 'form', 'answered', 1, $7, $8, 1, $5)""",
            new_id(),
            ticket.id,
            turn.tokens,
            None if turn.cost is None else Decimal(str(turn.cost)),
            turn.at,
            ticket.channel,
            turn.sentiment,
            turn.milliseconds,
        )
        ticket.turns.append(turn)

    async def rate(self, ticket: Ticket, rating: int, at: datetime) -> None:
        """The customer rates; an earlier rating of theirs counts no more."""
        rating_id = new_id()
        await self.conn.execute(
            """INSERT INTO ticket_feedback (id, ticket_id, rating, is_resolved, created_at)
               VALUES ($1, $2, $3, true, $4)""",
            rating_id,
            ticket.id,
            rating,
            at,
        )
        ticket.ratings.append((at, rating_id, rating))

    async def _add_message(self, ticket: Ticket, message_id: UUID, author: str, at: datetime) -> None:
        await self.conn.execute(
            "INSERT INTO messages (id, conversation_id, author, text, created_at) VALUES ($1, $2, $3, 'words', $4)",
            message_id,
            ticket.id,
            author,
            at,
        )

    def count(self, channel: str | None, starts_at: datetime, ends_at: datetime) -> dict[str, Any]:
        """The figures of a span, from plain lists."""

        def is_in(at: datetime | None) -> bool:
            return at is not None and starts_at <= at < ends_at

        tickets = [ticket for ticket in self.tickets if channel in {None, ticket.channel}]
        came = [ticket for ticket in tickets if is_in(ticket.came_at)]
        replies = [reply for ticket in tickets for reply in ticket.replies if is_in(reply.written_at)]
        turns = [turn for ticket in tickets for turn in ticket.turns if is_in(turn.at)]
        latest = [max(ticket.ratings) for ticket in tickets if ticket.ratings]
        ratings = [rating for at, _, rating in latest if is_in(at)]
        firsts = [first for ticket in tickets if (first := _find_first(ticket)) is not None and is_in(first[0])]
        waits = [seconds for _, seconds in firsts]
        thinking = [turn.milliseconds / 1000 for turn in turns if turn.milliseconds]
        settled = {"auto_resolved", "closed"}
        resolved = sum(ticket.status in settled and not ticket.is_handed_over for ticket in came)
        escalated = sum(ticket.is_handed_over for ticket in came)
        reopened = sum(ticket.is_reopened for ticket in came)
        return {
            "messages_in": sum(is_in(at) for ticket in tickets for at in ticket.written_at),
            "messages_out": len(replies),
            "tickets": len(came),
            "auto_resolved": resolved,
            "escalated": escalated,
            "reopened": reopened,
            "auto_resolve_rate": resolved / len(came) if came else None,
            "escalation_rate": escalated / len(came) if came else None,
            "reopen_rate": reopened / len(came) if came else None,
            "first_replies": len(waits),
            "first_reply_p50_seconds": find_percentile(waits, 0.5),
            "first_reply_p95_seconds": find_percentile(waits, 0.95),
            "agent_turns": len(thinking),
            "agent_p50_seconds": find_percentile(thinking, 0.5),
            "agent_p95_seconds": find_percentile(thinking, 0.95),
            "sentiment_mean": _average([turn.sentiment for turn in turns]),
            "ratings": len(ratings),
            "rating_mean": _average(ratings),
            "replies": len(replies),
            "delivery_failures": sum(reply.has_failed for reply in replies),
            "input_tokens": sum(turn.tokens for turn in turns),
            "cached_tokens": 0,
            "output_tokens": sum(turn.tokens for turn in turns),
            "cost_usd": sum(turn.cost or 0 for turn in turns),
            "unpriced_turns": sum(turn.cost is None for turn in turns),
        }


def find_percentile(values: Iterable[float], share: float) -> float | None:
    """The smallest value up to which this share of all lies."""
    ordered = sorted(values)
    return next((value for rank, value in enumerate(ordered, 1) if rank >= share * len(ordered)), None)


def _find_first(ticket: Ticket) -> tuple[datetime, float] | None:
    """When the first reply that is no mere notice went out, and after how many seconds."""
    sent = [reply.sent_at for reply in ticket.replies if reply.sent_at and reply.author in {"assistant", "person"}]
    if not sent:
        return None
    return min(sent), max((min(sent) - min(ticket.written_at)).total_seconds(), 0.0)


def _average(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
