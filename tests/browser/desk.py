"""Tickets as a desk has them on a morning: written by the form, worked on as the worker does it, without the agent."""

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import uuid4

from database.queries import runs
from database.queries.runs import ToolCallRecord
from database.types import Citation, Outcome
from tests.api.service import Service, submit
from tests.api.turns import Turn, answer, deliver, hand_over, take_turn
from tests.database.builders import make_run

SOURCE = Citation(
    number=1,
    passage_id=uuid4(),
    source="account/reset-password.md",
    title="Reset your password",
    excerpt="Choose “Forgot password” below the form to sign in. The link in the mail is valid for one hour.",
)
DRAFT = "I am sorry about the second charge. I have asked our billing team to refund it; it takes three to five days."


@dataclass(frozen=True, slots=True)
class Opened:
    """A ticket, the link that its customer holds, and the turn in which it was read."""

    ref: str
    link: str
    turn: Turn


async def write(service: Service, **form: Any) -> Opened:
    """A customer fills in the form, and a worker reads it."""
    accepted = await submit(service.client, **form)
    ref = accepted["ticket_ref"]
    link = f"/ticket/{ref}?token={accepted['ticket_token']}"
    return Opened(ref, link, await take_turn(service.pool, ref))


async def write_answered(service: Service, **form: Any) -> Opened:
    """A ticket that the assistant has answered with a source."""
    opened = await write(service, **form)
    await _record(service, opened, "answered", ("grounded_answer", "An article answers this question."), 0.86)
    await answer(service.pool, opened.turn, "Choose “Forgot password” on the page to sign in. [1]", [SOURCE])
    await deliver(service.pool, opened.turn)
    return opened


async def write_escalated(service: Service, route: str = "billing", **form: Any) -> Opened:
    """A ticket that the assistant has handed over, with what it would have said."""
    opened = await write(service, **form)
    reason = "Questions about charges always go to a person."
    await _record(service, opened, "escalated", ("billing_policy", reason), 0.62)
    await hand_over(
        service.pool,
        opened.turn,
        route,
        reason=reason,
        summary="The customer was charged twice for November and asks for the second charge back.",
        draft=DRAFT,
    )
    return opened


async def furnish(service: Service) -> list[Opened]:
    """A few tickets of each kind, the escalated ones first."""
    return [
        await write_escalated(
            service,
            name="Grace Hopper",
            email="grace@example.com",
            subject="Charged twice for November",
            category="billing",
            priority="urgent",
            message="Hello,\n\nmy card was charged twice on 3 November, 29 € each. I only have one account. "
            "Please send the second charge back.\n\nGrace",
        ),
        await write_escalated(
            service,
            "legal",
            name="Mara Lind",
            email="mara@example.com",
            subject="Who else has seen my data, and a question about the processing agreement for our school",
            category="security",
            priority="high",
            message="Our data protection officer asks for a list of everybody who processes our pupils' data.",
        ),
        await write_answered(service),
        await write_answered(
            service,
            name="Alice Abbott",
            email="alice@example.com",
            subject="Exporting my data",
            category="technical",
            priority="low",
            message="How do I export everything as CSV? I looked in the settings and did not find it.",
        ),
        await write(
            service,
            name="Edith Clarke",
            email="edith@example.com",
            subject="The app closes when I open a chart",
            category="technical",
            priority="medium",
            message="Since yesterday's update it closes every time. Android 15.",
        ),
    ]


async def _record(
    service: Service, opened: Opened, outcome: Outcome, grounds: tuple[str, str], confidence: float
) -> None:
    """What the agent weighed and did in this turn; the grounds are the rule and its reason."""
    rule, reason = grounds
    run = make_run(
        opened.turn.conversation_id,
        brain="openai",
        model="gpt-4o",
        outcome=outcome,
        decision={
            "action": "answer" if outcome == "answered" else "escalate",
            "rule": rule,
            "reason": reason,
            "confidence": confidence,
            "required_confidence": 0.75,
        },
        input_tokens=2841,
        cached_tokens=1920,
        output_tokens=164,
        cost_usd=Decimal("0.0064"),
        tool_calls=[
            ToolCallRecord("search_knowledge_base", json.dumps({"query": "charged twice"}), "3 passages found.", 14.2),
            ToolCallRecord("analyze_sentiment", json.dumps({}), "-0.4, falling", 0.8),
        ],
    )
    async with service.pool.acquire() as conn:
        await runs.add_run(conn, run)
