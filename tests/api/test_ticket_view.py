"""The ticket as its customer sees it, from acceptance to the delivered reply."""

from datetime import datetime
from uuid import uuid4

from core.ids import new_id
from database.pool import DbPool
from database.types import Citation
from tests.api.service import FORM, Service, hold_token, read_ticket, submit
from tests.api.turns import answer, deliver, hand_over, take_turn

CITATION = Citation(
    number=1, passage_id=new_id(), source="docs/secret/path.md", title="Reset a password", excerpt="Choose Forgot…"
)


async def write_again(service: Service, accepted: dict[str, str], text: str) -> str:
    """A further message on the ticket; returns its id."""
    response = await service.client.post(
        f"/support/ticket/{accepted['ticket_ref']}/messages", json={"message": text}, headers=hold_token(accepted)
    )
    assert response.status_code == 202, response.text
    message_id: str = response.json()["message_id"]
    return message_id


def read_texts(ticket: dict[str, list[dict[str, str]]]) -> list[tuple[str, str]]:
    """Who said what, in the order shown."""
    return [(message["author"], message["text"]) for message in ticket["messages"]]


async def set_delivery(pool: DbPool, message_id: object, state: str) -> None:
    """Put a reply's outbox row into this state."""
    async with pool.acquire() as conn:
        await conn.execute("UPDATE outbox SET state = $2 WHERE id = $1", message_id, state)


async def test_a_ticket_is_visible_before_any_worker_has_seen_it(service: Service) -> None:
    accepted = await submit(service.client)
    ticket = await read_ticket(service.client, accepted)
    assert ticket["ticket_ref"] == accepted["ticket_ref"]
    assert (ticket["status"], ticket["answering"], ticket["team"]) == ("open", True, None)
    assert {key: ticket[key] for key in ("subject", "category", "priority")} == {
        key: FORM[key] for key in ("subject", "category", "priority")
    }
    assert read_texts(ticket) == [("customer", FORM["message"])]
    assert ticket["messages"][0]["citations"] == []


async def test_the_view_stays_the_same_when_a_worker_takes_the_ticket(service: Service) -> None:
    accepted = await submit(service.client)
    before = await read_ticket(service.client, accepted)
    turn = await take_turn(service.pool, accepted["ticket_ref"])
    assert [str(queued.id) for queued in turn.lease.messages] == [message["id"] for message in before["messages"]]
    after = await read_ticket(service.client, accepted)
    changing = {"created_at", "updated_at", "sla"}
    assert {key: after[key] for key in after.keys() - changing} == {
        key: before[key] for key in before.keys() - changing
    }


async def test_a_reply_is_visible_only_once_it_is_sent(service: Service) -> None:
    accepted = await submit(service.client)
    turn = await take_turn(service.pool, accepted["ticket_ref"])
    message_id = await answer(service.pool, turn, "Choose “Forgot password” [1].", [CITATION])
    for state in ("queued", "sending", "failed", "unknown"):
        await set_delivery(service.pool, message_id, state)
        assert read_texts(await read_ticket(service.client, accepted)) == [("customer", FORM["message"])], state
    await set_delivery(service.pool, message_id, "queued")
    await deliver(service.pool, turn)
    for state in ("sent", "delivered", "read"):
        await set_delivery(service.pool, message_id, state)
        ticket = await read_ticket(service.client, accepted)
        assert read_texts(ticket)[1:] == [("assistant", "Choose “Forgot password” [1].")], state


async def test_an_answered_ticket_is_resolved_and_shows_its_sources_but_not_their_place(service: Service) -> None:
    accepted = await submit(service.client)
    turn = await take_turn(service.pool, accepted["ticket_ref"])
    await answer(service.pool, turn, "Choose “Forgot password” [1].", [CITATION])
    await deliver(service.pool, turn)
    ticket = await read_ticket(service.client, accepted)
    assert (ticket["status"], ticket["answering"]) == ("auto_resolved", False)
    assert ticket["messages"][1]["citations"] == [
        {"number": 1, "title": "Reset a password", "excerpt": "Choose Forgot…"}
    ]


async def test_an_escalated_ticket_names_its_team_and_nothing_internal(service: Service) -> None:
    accepted = await submit(service.client)
    turn = await take_turn(service.pool, accepted["ticket_ref"])
    await hand_over(service.pool, turn, "billing")
    ticket = await read_ticket(service.client, accepted)
    assert (ticket["status"], ticket["answering"], ticket["team"]) == ("escalated", False, "Billing team")
    assert "internal" not in str(ticket)


async def test_a_further_message_is_shown_while_it_waits(service: Service) -> None:
    accepted = await submit(service.client)
    message_id = await write_again(service, accepted, "Are you there?")
    ticket = await read_ticket(service.client, accepted)
    assert read_texts(ticket) == [("customer", FORM["message"]), ("customer", "Are you there?")]
    assert ticket["messages"][1]["id"] == message_id


async def test_a_further_message_on_an_answered_ticket_is_being_answered(service: Service) -> None:
    accepted = await submit(service.client)
    turn = await take_turn(service.pool, accepted["ticket_ref"])
    await answer(service.pool, turn, "Choose “Forgot password”.")
    await deliver(service.pool, turn)
    await write_again(service, accepted, "That did not help.")
    waiting = await read_ticket(service.client, accepted)
    assert waiting["answering"]
    assert read_texts(waiting)[-1] == ("customer", "That did not help.")
    await take_turn(service.pool, accepted["ticket_ref"])
    assert (await read_ticket(service.client, accepted))["status"] == "open"


async def test_a_further_message_on_an_escalated_ticket_waits_for_its_person(service: Service) -> None:
    accepted = await submit(service.client)
    turn = await take_turn(service.pool, accepted["ticket_ref"])
    await hand_over(service.pool, turn, "legal")
    await write_again(service, accepted, "Any news?")
    ticket = await read_ticket(service.client, accepted)
    assert (ticket["status"], ticket["answering"]) == ("escalated", False)
    assert read_texts(ticket)[-1] == ("customer", "Any news?")


async def test_a_message_that_is_stored_and_still_queued_is_shown_once(service: Service) -> None:
    accepted = await submit(service.client)
    await write_again(service, accepted, "Are you there?")
    await take_turn(service.pool, accepted["ticket_ref"])
    await write_again(service, accepted, "Hello?")
    ticket = await read_ticket(service.client, accepted)
    assert [text for _, text in read_texts(ticket)] == [FORM["message"], "Are you there?", "Hello?"]
    assert len({message["id"] for message in ticket["messages"]}) == 3


async def test_messages_stand_in_the_order_in_which_they_were_said(service: Service) -> None:
    accepted = await submit(service.client)
    expected = [("customer", FORM["message"])]
    for number in range(3):
        turn = await take_turn(service.pool, accepted["ticket_ref"])
        await answer(service.pool, turn, f"Answer {number}")
        await deliver(service.pool, turn)
        await write_again(service, accepted, f"Question {number}")
        expected += [("assistant", f"Answer {number}"), ("customer", f"Question {number}")]
    ticket = await read_ticket(service.client, accepted)
    assert read_texts(ticket) == expected
    times = [datetime.fromisoformat(message["created_at"]) for message in ticket["messages"]]
    assert times == sorted(times)


async def test_a_burst_of_messages_keeps_its_order(service: Service) -> None:
    accepted = await submit(service.client)
    for number in range(20):
        await write_again(service, accepted, f"{number}")
    ticket = await read_ticket(service.client, accepted)
    assert [text for _, text in read_texts(ticket)] == [FORM["message"], *(f"{number}" for number in range(20))]


async def test_a_ticket_shows_nothing_of_another_ticket_of_the_same_customer(service: Service) -> None:
    email = f"{uuid4().hex}@example.com"
    first = await submit(service.client, email=email, message="The first question")
    second = await submit(service.client, email=email, message="The second question")
    for accepted in (first, second):
        turn = await take_turn(service.pool, accepted["ticket_ref"])
        await answer(service.pool, turn, f"For {accepted['ticket_ref']}")
        await deliver(service.pool, turn)
    shown = read_texts(await read_ticket(service.client, first))
    assert shown == [("customer", "The first question"), ("assistant", f"For {first['ticket_ref']}")]


async def test_the_view_shows_neither_name_nor_address_nor_confidence(service: Service) -> None:
    accepted = await submit(service.client, name="Unmistakable Name")
    turn = await take_turn(service.pool, accepted["ticket_ref"])
    await answer(service.pool, turn, "Done.")
    await deliver(service.pool, turn)
    response = await service.client.get(accepted["status_url"])
    for private in ("Unmistakable", FORM["email"], "confidence", "conversation_id", "thread_id"):
        assert private not in response.text
