"""Whatever customers, the agent and people do to a ticket in whatever order: it goes where the table says."""

from dataclasses import dataclass
from typing import Any, get_args

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from database import queue
from database.types import Author, Owner, TicketStatus
from database.types.lifecycle import STAFF_STEPS, TRANSITIONS, Step
from tests.api.service import Service, hold_token, issue_key, submit
from tests.api.turns import Turn, answer, hand_over, take_turn

SEARCH = settings(
    deadline=None,
    database=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
BODIES: dict[Step, dict[str, Any]] = {
    "reply": {"text": "I have done it."},
    "escalate": {"route": "billing", "reason": "was charged twice"},
    "rate_resolved": {"rating": 5, "resolved": True},
    "rate_unresolved": {"rating": 1, "resolved": False},
}


@dataclass
class Life:
    """One ticket, and what is expected of it. `turn` is one that is under way."""

    service: Service
    staff: dict[str, str]
    accepted: dict[str, Any]
    turn: Turn | None
    status: TicketStatus = "open"
    owner: Owner = "agent"
    last_author: Author = "customer"
    is_answered: bool = False

    @property
    def ref(self) -> str:
        return str(self.accepted["ticket_ref"])

    async def take(self, step: Step) -> None:
        """Take one step, and see that it led where the table says, or nowhere."""
        if step == "write":
            await self._write()
        elif step in {"answer", "hand_over"}:
            await self._end_turn(step)
        else:
            await self._ask(step)
        ticket = (await self.service.client.get(f"/tickets/{self.ref}", headers=self.staff)).json()
        assert (ticket["status"], ticket["owner"]) == (self.status, self.owner), step
        # What only has to wait until a message is read stays on offer.
        offered = [step for step in STAFF_STEPS if self.status in TRANSITIONS[step]]
        assert ticket["allowed"] == [step for step in offered if step != "release" or self._may("release")]

    async def _write(self) -> None:
        """The customer writes, and a worker claims it; a person's conversation it leaves to them."""
        if self.turn is not None:
            return
        url = f"/support/ticket/{self.ref}/messages"
        response = await self.service.client.post(url, json={"message": "More."}, headers=hold_token(self.accepted))
        assert response.status_code == 202
        self.turn = await take_turn(self.service.pool, self.ref)
        self._go("write")
        self.last_author = "customer"
        if self.owner == "person":
            await self._settle()

    async def _end_turn(self, step: Step) -> None:
        """The agent is done; where a person has the conversation by then, it says nothing."""
        if self.turn is None:
            return
        if self.owner == "person":
            await self._settle()
            return
        if step == "answer":
            await answer(self.service.pool, self.turn, "Here is how.")
            self.last_author, self.is_answered = "assistant", True
        else:
            await hand_over(self.service.pool, self.turn, "technical")
            self.owner = "person"
        self.turn = None
        self._go(step)

    async def _settle(self) -> None:
        assert self.turn is not None
        async with self.service.pool.acquire() as conn, conn.transaction():
            await queue.fence(conn, self.turn.lease)
            await queue.complete(conn, self.turn.lease)
        self.turn = None

    async def _ask(self, step: Step) -> None:
        is_rating = step in {"rate_resolved", "rate_unresolved"}
        path = {"reply": "replies"}.get(step, step)
        url = f"/feedback/{self.ref}" if is_rating else f"/tickets/{self.ref}/{path}"
        response = await self.service.client.post(url, json=BODIES.get(step), headers=self.staff)
        if not self._may(step):
            assert response.status_code == 409, (step, response.text)
            return
        assert response.status_code in {200, 202}, (step, response.text)
        if step == "rate_resolved" and self.turn is not None:
            return  # of an earlier answer: what the customer has written since is being answered
        before = self.status
        self._go(step)
        if step == "reply":
            self.last_author, self.is_answered = "person", True
        if self.status == "escalated":
            self.owner = "person"
        elif self.status != before or step == "release":
            self.owner = "agent"

    def _may(self, step: Step) -> bool:
        if step in {"rate_resolved", "rate_unresolved"}:
            return self.is_answered
        if step in {"close", "release"} and self.turn is not None:
            return False
        return self.status in TRANSITIONS[step] and (step != "release" or self.last_author == "person")

    def _go(self, step: Step) -> None:
        self.status = TRANSITIONS[step][self.status]


@SEARCH
@given(steps=st.lists(st.sampled_from(get_args(Step)), max_size=12))
async def test_no_order_of_steps_leads_where_the_table_does_not(service: Service, steps: list[Step]) -> None:
    staff = {"X-API-Key": await issue_key(service.pool, "tickets:read", "tickets:write")}
    accepted = await submit(service.client)
    life = Life(service, staff, accepted, await take_turn(service.pool, accepted["ticket_ref"]))
    for step in steps:
        await life.take(step)
