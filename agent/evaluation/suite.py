"""Our own suite of tickets: what customers write, and what a good desk does about it. tickets/README.md says more."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from agent.context import Turn
from agent.models.brain import OFFLINE_BRAIN
from agent.run import SupportAgent
from core.ids import new_id
from database.types import Channel, ConversationId, ConversationState, CustomerId, Route

TICKETS_FOLDER = Path(__file__).with_name("tickets")
KNOWLEDGE_FOLDER = "sample-knowledge/"  # how the sources of the sample articles begin
AT_ONCE = 4

Half = Literal["tune", "held_out"]
Outcome = Literal["answer", "hand_over", "silent"]

_OUTCOMES: dict[str, Outcome] = {"answer": "answer", "hand_over": "hand_over", "stay_silent": "silent"}
_SUBJECT_CHARACTERS = 120


class Message(BaseModel):
    """One message of a ticket."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    author: Literal["customer", "assistant", "person"] = Field(alias="from")
    text: str = Field(min_length=1)


class Expected(BaseModel):
    """What is right. Any article of `must_cite` will do; `offline` is right for a brain that cannot translate."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    decision: Outcome
    route: Route | None = None
    rule: str | None = None
    must_cite: tuple[str, ...] = ()
    must_not_say: tuple[str, ...] = ()
    offline: Literal["hand_over"] | None = None

    @model_validator(mode="after")
    def _belong_together(self) -> Self:
        if bool(self.must_cite) != (self.decision == "answer"):
            raise ValueError("must_cite belongs to an answer, and every answer has it")
        if (self.route or self.rule) and self.decision != "hand_over":
            raise ValueError("route and rule belong to a handover")
        if self.rule and not self.route:
            raise ValueError("a rule names its route")
        if self.offline and self.decision != "answer":
            raise ValueError("offline belongs to an answer")
        return self


class Ticket(BaseModel):
    """A conversation up to the moment at which the agent is asked, with what it should do."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    channel: Channel
    subject: str = ""
    messages: tuple[Message, ...]
    expected: Expected
    tags: tuple[str, ...] = ()
    split: Half

    @model_validator(mode="after")
    def _ends_with_the_customer(self) -> Self:
        if not self.waiting:
            raise ValueError("the last message must be the customer's")
        return self

    @property
    def waiting(self) -> tuple[str, ...]:
        """The customer's last messages, which no one has answered."""
        return tuple(message.text for message in self.messages[self._count_history() :])

    def build_turn(self) -> Turn:
        """The turn that the agent is asked for. A chat has no subject: as everywhere, it begins with what was said."""
        history = self.messages[: self._count_history()]
        opening = " ".join(self.messages[0].text.split())[:_SUBJECT_CHARACTERS]
        conversation = ConversationState(
            id=ConversationId(new_id()),
            customer_id=CustomerId(new_id()),
            contact_name="",
            channel=self.channel,
            inbox="suite",
            identity_level="self_reported" if self.channel == "web" else "channel_asserted",
            owner="agent",
            automatic_replies=sum(message.author == "assistant" for message in history),
            ticket_ref="TF-20260101-0001",
            ticket_subject=self.subject or opening,
            ticket_category="general",
            ticket_priority="medium",
            history=tuple((message.author, message.text) for message in history),
        )
        return Turn(conversation, self.waiting)

    def _count_history(self) -> int:
        last = max((at for at, message in enumerate(self.messages) if message.author != "customer"), default=-1)
        return last + 1


@dataclass(frozen=True, slots=True)
class TicketResult:
    """What the agent did with a ticket. `reply` and `cited` are empty unless it answered."""

    ticket: Ticket
    outcome: Outcome
    rule: str
    route: str
    reply: str
    cited: tuple[str, ...]
    is_offline: bool

    @property
    def wanted(self) -> Outcome:
        """What is right for the brain that thought."""
        expected = self.ticket.expected
        return expected.offline or expected.decision if self.is_offline else expected.decision


def read_suite(folder: Path = TICKETS_FOLDER) -> tuple[Ticket, ...]:
    """All tickets of a folder; raises pydantic's ValidationError, naming the field, where a file is wrong."""
    return tuple(
        Ticket.model_validate(entry)
        for path in sorted(folder.glob("*.yaml"))
        for entry in yaml.safe_load(path.read_text(encoding="utf-8"))
    )


async def run_suite(
    agent: SupportAgent, tickets: Sequence[Ticket], *, on_done: Callable[[], None] = lambda: None
) -> list[TicketResult]:
    """Put each ticket before the agent, a few at a time; results in the order of the tickets."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def run_one(ticket: Ticket) -> TicketResult:
        async with gate:
            result = await _run_ticket(agent, ticket)
        on_done()
        return result

    return await asyncio.gather(*(run_one(ticket) for ticket in tickets))


async def _run_ticket(agent: SupportAgent, ticket: Ticket) -> TicketResult:
    result = await agent.run_turn(ticket.build_turn())
    outcome = _OUTCOMES[result.decision.action]
    draft = result.draft if outcome == "answer" else None
    return TicketResult(
        ticket=ticket,
        outcome=outcome,
        rule=result.decision.rule,
        route=result.decision.route,
        reply=draft.text if draft else "",
        cited=tuple(citation.source.removeprefix(KNOWLEDGE_FOLDER) for citation in draft.citations) if draft else (),
        is_offline=result.brain is OFFLINE_BRAIN,
    )
