"""What customers and people say of answers and tickets afterwards, each as a label on the turn that it is about.

Call each inside a transaction: it locks the conversation, so that no worker answers meanwhile. Tickets are named by
their references; False where there is no such ticket.
"""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from core.ids import new_id
from core.letters import measure_edit
from database.pool import Conn
from database.queries.knowledge import drop_draft, unpublish_article
from database.queries.resolutions import note_outcome
from database.statements import load_statements
from database.types import ConversationId, Outcome, Priority, RunId, TicketCategory
from database.types.lifecycle import Step, list_leading

_SQL = load_statements("feedback")

# By what something became known of a turn. The last three are what a person has corrected.
Kind = Literal["confirmed", "reopened", "rating", "edited", "taken_over", "intent", "category", "team"]
Giver = Literal["customer", "person"]

MAX_RATING = 5
MAX_COMMENT = 2_000
# From here on a customer means that the answer was good.
GOOD_RATING = 3
# A draft of which no more was changed than this was right, and one of which so much was changed was wrong.
_KEPT, _REWRITTEN = 0.25, 0.6
_NOT_HELPED = "the customer says that it is not resolved"
_TAKEN_OVER = "a person took the conversation over"


class UnknownRoute(LookupError):
    """There is no such escalation route."""


@dataclass(frozen=True, slots=True)
class _Latest:
    """The newest turn in which the agent said something or would have; `draft` is what."""

    id: RunId
    outcome: Outcome
    draft: str | None
    is_answered_since: bool
    is_confirmed: bool

    @property
    def is_last_answer(self) -> bool:
        """Whether it is the agent's answer that stands last, so that what is said now is said of it."""
        return self.outcome == "answered" and not self.is_answered_since


async def label_answer(
    conn: Conn, conversation_id: ConversationId, kind: Literal["confirmed", "reopened"], *, is_right: bool | None
) -> None:
    """A customer's next message says this of the last answer; of a person's it makes no label.

    `is_right` is None where they only wrote again.
    """
    latest = await _find_latest(conn, conversation_id)
    if latest is not None and latest.is_last_answer:
        await _label(conn, latest.id, kind, "", is_right=is_right, given_by="customer")
    if is_right is False:
        await _withdraw_resolutions(conn, conversation_id)


async def rate_ticket(conn: Conn, ref: str, *, rating: int, is_resolved: bool, comment: str = "") -> bool:
    """A customer rates, from 1 to 5, and says whether the matter is settled: it closes, or a person gets it.

    Right is an automatic answer that settled it and was rated 3 at least; of a person's answer this says nothing. The
    latest rating counts; while newer words of the customer wait, it closes nothing. `comment` has `MAX_COMMENT`
    characters at most.
    """
    ticket = await _lock(conn, ref)
    if ticket is None:
        return False
    ticket_id, conversation_id = ticket
    await _SQL["add_rating"].execute(
        conn, id=new_id(), ticket_id=ticket_id, rating=rating, is_resolved=is_resolved, comment=comment
    )
    is_right = is_resolved and rating >= GOOD_RATING
    latest = await _find_latest(conn, conversation_id)
    if latest is not None and latest.is_last_answer:
        await _label(conn, latest.id, "rating", str(rating), is_right=is_right, given_by="customer")
    if not is_right:
        await _withdraw_resolutions(conn, conversation_id)
    if is_resolved:
        await _close(conn, conversation_id, "rate_resolved")
    else:
        await _SQL["give_to_person"].execute(
            conn, conversation_id=conversation_id, reason=_NOT_HELPED, is_reopening=True
        )
    return True


async def close_ticket(conn: Conn, ref: str) -> bool:
    """A person says that the matter is settled. What the customer writes next is a new one, which the agent answers."""
    ticket = await _lock(conn, ref)
    if ticket is None:
        return False
    await _close(conn, ticket[1], "close")
    return True


async def take_over(conn: Conn, ref: str, *, reason: str = _TAKEN_OVER) -> bool:
    """From now on a person answers. Stepping in behind an automatic answer nobody confirmed says that it was wrong."""
    ticket = await _lock(conn, ref)
    if ticket is None:
        return False
    await _take_over(conn, ticket[1], await _find_latest(conn, ticket[1]), reason)
    return True


async def note_answer(conn: Conn, ref: str, text: str) -> bool:
    """A person answers with this text, and takes over if nobody has. Call it before the answer is stored.

    Where the agent had left a draft, the first answer says by its distance from it whether the draft was right.
    """
    ticket = await _lock(conn, ref)
    if ticket is None:
        return False
    latest = await _find_latest(conn, ticket[1])
    await _take_over(conn, ticket[1], latest)
    if latest is not None and latest.outcome != "answered" and latest.draft and not latest.is_answered_since:
        distance = measure_edit(latest.draft, text)
        await _label(conn, latest.id, "edited", f"{distance:.2f}", is_right=judge_edit(distance), given_by="person")
    return True


def judge_edit(distance: float) -> bool | None:
    """Whether a draft was right of which this share was changed; None where that does not tell."""
    if distance <= _KEPT:
        return True
    return False if distance >= _REWRITTEN else None


async def correct_ticket(
    conn: Conn,
    ref: str,
    *,
    intent: str | None = None,
    category: TicketCategory | None = None,
    priority: Priority | None = None,
    route: str | None = None,
) -> bool:
    """A person says what a ticket is about, how urgent or whose it is. An intent becomes an example to learn from.

    Raises UnknownRoute. No later turn takes intent, category and priority back.
    """
    ticket = await _lock(conn, ref)
    if ticket is None:
        return False
    team: str | None = None
    if route is not None:
        team = await _SQL["find_team"].fetch_value(conn, route=route)
        if team is None:
            raise UnknownRoute(f"there is no escalation route {route}")
    conversation_id = ticket[1]
    await _SQL["correct_ticket"].execute(
        conn, conversation_id=conversation_id, intent=intent, category=category, priority=priority, route=route
    )
    latest = await _find_latest(conn, conversation_id)
    said: dict[Kind, str | None] = {"intent": intent, "category": category, "team": team}
    for kind, value in said.items():
        if latest is not None and value is not None:
            await _label(conn, latest.id, kind, value, is_right=None, given_by="person")
    return True


async def label_overtaken(conn: Conn, run_id: RunId) -> None:
    """The agent would have answered, but a person had the conversation by then."""
    await _label(conn, run_id, "taken_over", "", is_right=None, given_by="person")


async def _close(conn: Conn, conversation_id: ConversationId, step: Step) -> None:
    await _SQL["close_ticket"].execute(conn, conversation_id=conversation_id, statuses=list_leading(step, "closed"))


async def _take_over(
    conn: Conn, conversation_id: ConversationId, latest: _Latest | None, reason: str = _TAKEN_OVER
) -> None:
    if latest is not None and latest.is_last_answer and not latest.is_confirmed:
        await _label(conn, latest.id, "taken_over", "", is_right=False, given_by="person")
        await _withdraw_resolutions(conn, conversation_id)
    await _SQL["give_to_person"].execute(conn, conversation_id=conversation_id, reason=reason, is_reopening=False)


async def _withdraw_resolutions(conn: Conn, conversation_id: ConversationId) -> None:
    """What was learned from an answer that did not hold, and what that answer rested on, is told to nobody else."""
    for learned in await _SQL["list_resolutions"].fetch(conn, conversation_id=conversation_id):
        await unpublish_article(conn, learned["id"])
        await drop_draft(conn, learned["id"])
        await note_outcome(conn, learned["ticket_id"], "withdrawn")


async def _lock(conn: Conn, ref: str) -> tuple[UUID, ConversationId] | None:
    row = await _SQL["lock_ticket"].fetch_row(conn, ref=ref)
    return (row["id"], row["conversation_id"]) if row else None


async def _find_latest(conn: Conn, conversation_id: ConversationId) -> _Latest | None:
    row = await _SQL["find_latest"].fetch_row(conn, conversation_id=conversation_id)
    return _Latest(**dict(row)) if row else None


async def _label(conn: Conn, run_id: RunId, kind: Kind, value: str, *, is_right: bool | None, given_by: Giver) -> None:
    await _SQL["label_run"].execute(conn, run_id=run_id, kind=kind, value=value, is_right=is_right, given_by=given_by)
