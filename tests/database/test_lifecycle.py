"""The life of a ticket as a table."""

from typing import get_args

import pytest

from database.types import TicketStatus
from database.types.lifecycle import TRANSITIONS, ForbiddenStep, Step, list_allowed, list_leading, require_step

STATUSES: tuple[TicketStatus, ...] = get_args(TicketStatus)
FORBIDDEN = {
    ("answer", "auto_resolved"),
    ("answer", "escalated"),
    ("answer", "closed"),
    ("escalate", "closed"),
    ("release", "open"),
    ("release", "auto_resolved"),
    ("release", "closed"),
    ("close", "closed"),
    ("reopen", "open"),
    ("reopen", "auto_resolved"),
    ("reopen", "escalated"),
}


@pytest.mark.parametrize("step", get_args(Step))
@pytest.mark.parametrize("status", STATUSES)
def test_a_step_is_forbidden_exactly_where_the_table_does_not_have_it(step: Step, status: TicketStatus) -> None:
    if (step, status) in FORBIDDEN:
        with pytest.raises(ForbiddenStep, match=f"{status} does not take the step {step}"):
            require_step(step, status)
    else:
        require_step(step, status)
        assert TRANSITIONS[step][status] in STATUSES


def test_every_status_can_be_left_by_a_person() -> None:
    for status in STATUSES:
        assert {TRANSITIONS[step][status] for step in list_allowed(status)} - {status}


def test_nothing_but_a_person_or_a_rating_closes() -> None:
    assert {step for step in TRANSITIONS if set(list_leading(step, "closed")) - {"closed"}} == {
        "close",
        "rate_resolved",
    }
