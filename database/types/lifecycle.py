"""The life of a ticket: which step leads from which status to which. What is not in the table does not happen."""

from collections.abc import Mapping
from typing import Literal

from database.types.names import TicketStatus

# `write`, `answer`, `hand_over` and `rate…` are the customer's and the agent's; the others are what a person does.
Step = Literal[
    "write",
    "answer",
    "hand_over",
    "rate_resolved",
    "rate_unresolved",
    "reply",
    "escalate",
    "release",
    "close",
    "reopen",
]
STAFF_STEPS: tuple[Step, ...] = ("reply", "escalate", "release", "close", "reopen")

# Handing over is possible from everywhere, because nobody may be left without an answer: an undelivered reply takes
# even a closed ticket to a person. A rating of an open ticket is of an earlier answer, so it does not close it; nor
# does anything while words of the customer wait. A message that asks for nothing gives its ticket back the status that
# it took from it.
TRANSITIONS: Mapping[Step, Mapping[TicketStatus, TicketStatus]] = {
    "write": {"open": "open", "auto_resolved": "open", "escalated": "escalated", "closed": "open"},
    "answer": {"open": "auto_resolved"},
    "hand_over": {"open": "escalated", "auto_resolved": "escalated", "escalated": "escalated", "closed": "escalated"},
    "rate_resolved": {"open": "open", "auto_resolved": "closed", "escalated": "closed", "closed": "closed"},
    "rate_unresolved": {
        "open": "escalated",
        "auto_resolved": "escalated",
        "escalated": "escalated",
        "closed": "escalated",
    },
    "reply": {"open": "escalated", "auto_resolved": "escalated", "escalated": "escalated", "closed": "escalated"},
    "escalate": {"open": "escalated", "auto_resolved": "escalated", "escalated": "escalated"},
    "release": {"escalated": "open"},
    "close": {"open": "closed", "auto_resolved": "closed", "escalated": "closed"},
    "reopen": {"closed": "escalated"},
}


class ForbiddenStep(Exception):
    """The ticket's status does not allow this step."""

    def __init__(self, step: Step, status: TicketStatus) -> None:
        allowed = ", ".join(list_allowed(status))
        super().__init__(f"a ticket that is {status} does not take the step {step}; it takes: {allowed}")


def list_allowed(status: TicketStatus) -> list[Step]:
    """What a person may do with a ticket of this status."""
    return [step for step in STAFF_STEPS if status in TRANSITIONS[step]]


def require_step(step: Step, status: TicketStatus) -> None:
    """Raise ForbiddenStep unless the ticket may take it."""
    if status not in TRANSITIONS[step]:
        raise ForbiddenStep(step, status)


def list_leading(step: Step, to: TicketStatus) -> list[TicketStatus]:
    """The statuses from which the step leads to `to`."""
    return [status for status, reached in TRANSITIONS[step].items() if reached == to]
