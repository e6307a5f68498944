"""What staff do to tickets: answers, notes, assignment, escalation, closing, giving back, corrections."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest

from core.ids import new_id
from database.notify import TICKET_CHANNEL
from database.pool import Conn, connect
from database.queries import ticket_steps
from database.queries.runs import add_run
from database.queries.tickets import categorise_ticket, undo_reopening
from database.types.lifecycle import Step
from tests.api.callers import SignIn
from tests.api.people import bear
from tests.api.service import Service, expect_problem, hold_token, issue_key, name_fields, read_ticket, submit
from tests.api.test_feedback import count_messages, open_answered
from tests.api.turns import answer, deliver, hand_over, take_turn
from tests.database.builders import make_run, open_conversation

Headers = dict[str, str]


@pytest.fixture
async def staff(sign_in: SignIn) -> Headers:
    return (await sign_in.staff())[0]


async def act(service: Service, headers: Headers, ref: str, step: str, body: object = None) -> httpx.Response:
    return await service.client.post(f"/tickets/{ref}/{step}", json=body, headers=headers)


async def do(service: Service, headers: Headers, ref: str, step: str, body: object = None) -> dict[str, Any]:
    response = await act(service, headers, ref, step, body)
    assert response.status_code in {200, 201, 202}, response.text
    done: dict[str, Any] = response.json()
    return done


async def read(service: Service, headers: Headers, ref: str) -> dict[str, Any]:
    response = await service.client.get(f"/tickets/{ref}", headers=headers)
    ticket: dict[str, Any] = response.json()
    return ticket


async def test_a_persons_reply_takes_the_conversation_over_and_reaches_the_customers_page(
    service: Service, staff: Headers
) -> None:
    accepted, turn = await open_answered(service)
    done = await do(service, staff, accepted["ticket_ref"], "replies", {"text": "I have reset it for you."})
    assert (done["ticket"]["status"], done["ticket"]["owner"]) == ("escalated", "person")
    await deliver(service.pool, turn)
    last = (await read_ticket(service.client, accepted))["messages"][-1]
    assert (last["id"], last["author"], last["text"]) == (done["message_id"], "person", "I have reset it for you.")


async def test_a_reply_during_a_turn_silences_the_agent(service: Service, staff: Headers) -> None:
    accepted = await submit(service.client)
    turn = await take_turn(service.pool, accepted["ticket_ref"])
    await do(service, staff, accepted["ticket_ref"], "replies", {"text": "I am on it."})
    async with service.pool.acquire() as conn:
        owner = await conn.fetchval("SELECT owner FROM conversations WHERE id = $1", turn.conversation_id)
    assert owner == "person"


async def test_a_reply_is_sent_once_under_one_key(service: Service, staff: Headers) -> None:
    accepted, turn = await open_answered(service)
    key = staff | {"Idempotency-Key": uuid4().hex}
    first, again = [
        await do(service, key, accepted["ticket_ref"], "replies", {"text": "I have reset it."}) for _ in range(2)
    ]
    assert first["message_id"] == again["message_id"]
    assert await count_messages(service, turn, "person") == 1
    expect_problem(await act(service, key, accepted["ticket_ref"], "replies", {"text": "No."}), 409)


async def test_a_reply_on_a_closed_ticket_opens_it_for_its_person(service: Service, staff: Headers) -> None:
    accepted, _ = await open_answered(service)
    await do(service, staff, accepted["ticket_ref"], "close")
    done = await do(service, staff, accepted["ticket_ref"], "replies", {"text": "One more thing."})
    assert done["ticket"]["status"] == "escalated"


async def test_a_long_reply_is_split_as_its_channel_needs(fresh: Service) -> None:
    key = {"X-API-Key": await issue_key(fresh.pool, "tickets:write", "tickets:read")}
    async with fresh.pool.acquire() as conn, conn.transaction():
        conversation_id = await open_conversation(conn, channel="whatsapp", inbox="+15550100")
    words = "word " * 1_900
    done = await do(fresh, key, "TF-20261121-0001", "replies", {"text": words})
    async with fresh.pool.acquire() as conn:
        rows = await conn.fetch(
            "SELECT m.id, m.text, o.channel, o.state FROM messages m JOIN outbox o ON o.id = m.id "
            "WHERE m.conversation_id = $1 ORDER BY m.created_at, m.id",
            conversation_id,
        )
    assert len(rows) > 1
    assert {(row["channel"], row["state"]) for row in rows} == {("whatsapp", "queued")}
    assert str(rows[0]["id"]) == done["message_id"]


async def test_a_long_reply_under_one_key_is_told_from_another_with_the_same_beginning(fresh: Service) -> None:
    key = {"X-API-Key": await issue_key(fresh.pool, "tickets:write"), "Idempotency-Key": uuid4().hex}
    ref = "TF-20261121-0001"
    async with fresh.pool.acquire() as conn, conn.transaction():
        await open_conversation(conn, channel="whatsapp", inbox="+15550100")
    words = "word " * 1_900
    done = await do(fresh, key, ref, "replies", {"text": words})
    assert (await do(fresh, key, ref, "replies", {"text": words}))["message_id"] == done["message_id"]
    async with fresh.pool.acquire() as conn:
        parts = await conn.fetch("SELECT text FROM messages WHERE author = 'person' ORDER BY created_at")
    for other in (words + "And one more thing.", words.strip() + " other", parts[0]["text"]):
        expect_problem(await act(fresh, key, ref, "replies", {"text": other}), 409)


async def test_nobody_is_answered_where_nobody_can_be_reached(fresh: Service) -> None:
    key = {"X-API-Key": await issue_key(fresh.pool, "tickets:write")}
    async with fresh.pool.acquire() as conn, conn.transaction():
        await open_conversation(conn, channel="gmail", inbox="us@example.com")
        await conn.execute("DELETE FROM customer_identifiers")
    expect_problem(await act(fresh, key, "TF-20261121-0001", "replies", {"text": "Hello?"}), 409)


async def test_a_note_is_for_staff_alone(service: Service, staff: Headers) -> None:
    accepted, turn = await open_answered(service)
    note = await do(service, staff, accepted["ticket_ref"], "notes", {"text": "Calls every\u0000 week."})
    assert (note["text"], note["written_by"]) == ("Calls every week.", "Sam Field")
    assert (await read(service, staff, accepted["ticket_ref"]))["notes"] == [note]
    assert "Calls every" not in (await service.client.get(accepted["status_url"])).text
    assert await count_messages(service, turn, "system") == 0


async def test_of_a_conversation_that_goes_on_for_years_staff_see_the_end(fresh: Service) -> None:
    key = {"X-API-Key": await issue_key(fresh.pool, "tickets:read")}
    async with fresh.pool.acquire() as conn, conn.transaction():
        conversation_id = await open_conversation(conn)
        await conn.execute(
            "INSERT INTO messages (id, conversation_id, author, text, created_at) SELECT gen_random_uuid(), $1, "
            "'customer', 'message ' || n, now() + make_interval(hours => n) FROM generate_series(1, 600) n",
            conversation_id,
        )
        await conn.execute(
            "INSERT INTO ticket_notes (id, ticket_id, text, written_by, created_at) SELECT gen_random_uuid(), id, "
            "'note ' || n, 'Sam', now() + make_interval(hours => n) FROM tickets, generate_series(1, 300) n"
        )
    ticket = await read(fresh, key, "TF-20261121-0001")
    assert [message["text"] for message in ticket["messages"][-2:]] == ["message 599", "message 600"]
    assert [note["text"] for note in ticket["notes"][-2:]] == ["note 299", "note 300"]


async def test_a_ticket_is_given_to_one_of_the_staff_and_back_to_nobody(
    service: Service, staff: Headers, sign_in: SignIn
) -> None:
    accepted, _ = await open_answered(service)
    ref = accepted["ticket_ref"]
    _, colleague = await sign_in.staff("Kim Lee")
    done = await do(service, staff, ref, "assign", {"user_id": str(colleague)})
    assert done["assignee"] == {"id": str(colleague), "name": "Kim Lee"}
    assert (await read(service, staff, ref))["assignee"] == done["assignee"]
    assert (await do(service, staff, ref, "assign", {"user_id": None}))["assignee"] is None


async def test_a_ticket_that_nobody_has_is_theirs_who_answers_it(service: Service, sign_in: SignIn) -> None:
    (first, first_id), (second, _) = await sign_in.staff("Kim Lee"), await sign_in.staff("Ada Roe")
    accepted, _ = await open_answered(service)
    ref = accepted["ticket_ref"]
    done = await do(service, first, ref, "replies", {"text": "Which router is it?"})
    assert done["ticket"]["assignee"] == {"id": str(first_id), "name": "Kim Lee"}
    done = await do(service, second, ref, "replies", {"text": "Its name is on the back."})
    assert done["ticket"]["assignee"]["name"] == "Kim Lee"
    said = (await read(service, first, ref))["messages"]
    assert [m["written_by"] for m in said if m["author"] == "person"] == ["Kim Lee", "Ada Roe"]
    assert {m["written_by"] for m in said if m["author"] != "person"} == {None}
    # The customer reads the team's words, not who of it is on duty.
    assert "written_by" not in (await read_ticket(service.client, accepted))["messages"][-1]


async def test_a_ticket_that_another_team_gets_is_nobodys_there(service: Service, sign_in: SignIn) -> None:
    headers, user_id = await sign_in.staff("Kim Lee")
    accepted, _ = await open_answered(service)
    ref = accepted["ticket_ref"]
    await do(service, headers, ref, "replies", {"text": "Let me look."})
    escalation = {"route": "security", "reason": "somebody else signs in as them"}
    assert (await do(service, headers, ref, "escalate", escalation))["assignee"] is None
    await do(service, headers, ref, "assign", {"user_id": str(user_id)})
    assert (await do(service, headers, ref, "escalate", escalation))["assignee"]["name"] == "Kim Lee"


async def test_whoever_has_given_no_name_is_known_by_their_address(service: Service, sign_in: SignIn) -> None:
    headers, user_id = await sign_in.staff()
    async with service.pool.acquire() as conn:
        email = await conn.fetchval("UPDATE users SET name = '' WHERE id = $1 RETURNING email", user_id)
    accepted, _ = await open_answered(service)
    done = await do(service, headers, accepted["ticket_ref"], "replies", {"text": "It is on its way."})
    assert done["ticket"]["assignee"]["name"] == email
    listed = await service.client.get("/tickets?assignee=me", headers=headers)
    assert [ticket["assignee"]["name"] for ticket in listed.json()["tickets"]] == [email]


async def test_a_ticket_that_a_machine_answers_has_nobody(service: Service) -> None:
    accepted, _ = await open_answered(service)
    key = bear(await issue_key(service.pool, "tickets:write"))
    done = await do(service, key, accepted["ticket_ref"], "replies", {"text": "It is on its way."})
    assert done["ticket"]["assignee"] is None


async def test_a_ticket_is_given_to_no_customer_and_to_nobody_who_has_left(
    service: Service, staff: Headers, sign_in: SignIn
) -> None:
    accepted, _ = await open_answered(service)
    _, gone = await sign_in.staff()
    async with service.pool.acquire() as conn:
        await conn.execute("UPDATE users SET disabled_at = now() WHERE id = $1", gone)
        _, email, _ = await sign_in.customer()
        customer = await conn.fetchval("SELECT id FROM users WHERE email = $1", email)
    for nobody in (gone, customer, new_id()):
        response = await act(service, staff, accepted["ticket_ref"], "assign", {"user_id": str(nobody)})
        assert name_fields(expect_problem(response, 422)) == {"user_id"}


async def test_an_escalation_takes_the_ticket_to_the_team_and_tells_the_customer_once(
    service: Service, staff: Headers
) -> None:
    accepted, turn = await open_answered(service)
    ref = accepted["ticket_ref"]
    first = await do(service, staff, ref, "escalate", {"route": "billing", "reason": "was charged twice"})
    assert (first["status"], first["route"], first["team"]) == ("escalated", "billing", "Billing team")
    second = await do(service, staff, ref, "escalate", {"route": "legal", "reason": "threatens to sue"})
    assert second["team"] == "Legal team"
    assert (await read(service, staff, ref))["handover_reason"] == "threatens to sue"
    assert await count_messages(service, turn, "system") == 1
    await deliver(service.pool, turn)
    told = (await read_ticket(service.client, accepted))["messages"][-1]
    assert told["author"] == "system"
    assert "Billing team" in told["text"]


async def test_an_unknown_route_is_refused_and_nothing_changes(service: Service, staff: Headers) -> None:
    accepted, turn = await open_answered(service)
    ref = accepted["ticket_ref"]
    for response in (
        await act(service, staff, ref, "escalate", {"route": "nowhere", "reason": "because"}),
        await service.client.patch(f"/tickets/{ref}", json={"route": "nowhere"}, headers=staff),
    ):
        assert name_fields(expect_problem(response, 422)) == {"route"}
    assert (await read(service, staff, ref))["status"] == "auto_resolved"
    assert await count_messages(service, turn, "system") == 0


async def test_a_ticket_is_not_closed_while_a_message_is_being_answered(service: Service, staff: Headers) -> None:
    accepted = await submit(service.client)
    turn = await take_turn(service.pool, accepted["ticket_ref"])
    expect_problem(await act(service, staff, accepted["ticket_ref"], "close"), 409)
    await answer(service.pool, turn, "Here is how.")
    assert (await do(service, staff, accepted["ticket_ref"], "close"))["status"] == "closed"


async def test_a_ticket_is_not_closed_over_words_that_come_in_while_it_is_looked_at(
    service: Service, staff: Headers, monkeypatch: pytest.MonkeyPatch
) -> None:
    accepted, _ = await open_answered(service)
    ref = accepted["ticket_ref"]
    look = ticket_steps.take

    async def look_and_be_late(conn: Conn, ref: str, step: Step | None = None) -> ticket_steps.TicketWork | None:
        seen = await look(conn, ref, step)
        url = f"/support/ticket/{ref}/messages"
        await service.client.post(url, json={"message": "It broke again."}, headers=hold_token(accepted))
        return seen

    monkeypatch.setattr(ticket_steps, "take", look_and_be_late)
    problem = expect_problem(await act(service, staff, ref, "close"), 409)
    assert "just written" in problem["detail"]


async def test_thanks_after_a_person_gave_the_ticket_back_take_no_earlier_reopening_back(
    service: Service, staff: Headers
) -> None:
    accepted, _ = await open_answered(service)
    ref = accepted["ticket_ref"]
    url = f"/support/ticket/{ref}/messages"
    await service.client.post(url, json={"message": "It broke again."}, headers=hold_token(accepted))
    await hand_over(service.pool, await take_turn(service.pool, ref), "technical")
    await do(service, staff, ref, "replies", {"text": "Please restart it."})
    await do(service, staff, ref, "release")
    await service.client.post(url, json={"message": "Thanks!"}, headers=hold_token(accepted))
    turn = await take_turn(service.pool, ref)
    async with service.pool.acquire() as conn:
        await undo_reopening(conn, turn.conversation_id)
        row = await conn.fetchrow("SELECT status, reopenings FROM tickets WHERE ref = $1", ref)
    assert row is not None
    assert tuple(row) == ("open", 1)


async def test_a_closed_ticket_takes_no_escalation_and_says_what_it_takes(service: Service, staff: Headers) -> None:
    accepted, _ = await open_answered(service)
    ref = accepted["ticket_ref"]
    await do(service, staff, ref, "close")
    for step, body in (("close", None), ("release", None), ("escalate", {"route": "billing", "reason": "late"})):
        problem = expect_problem(await act(service, staff, ref, step, body), 409)
        assert "reply, reopen" in problem["detail"]
    assert (await do(service, staff, ref, "reopen"))["status"] == "escalated"
    expect_problem(await act(service, staff, ref, "reopen"), 409)


async def test_a_conversation_goes_back_to_the_agent_when_a_person_has_answered(
    service: Service, staff: Headers
) -> None:
    accepted = await submit(service.client)
    ref = accepted["ticket_ref"]
    turn = await take_turn(service.pool, ref)
    await hand_over(service.pool, turn, "technical")
    assert "release" not in (await read(service, staff, ref))["allowed"]
    problem = expect_problem(await act(service, staff, ref, "release"), 409)
    assert "answer first" in problem["detail"]
    replied = await do(service, staff, ref, "replies", {"text": "Please restart it."})
    assert "release" in replied["ticket"]["allowed"]
    assert replied["ticket"]["assignee"] is not None
    done = await do(service, staff, ref, "release")
    assert (done["status"], done["owner"], done["team"], done["assignee"]) == ("open", "agent", None, None)


async def test_a_conversation_does_not_go_back_over_words_that_nobody_has_read(
    service: Service, staff: Headers
) -> None:
    accepted, _ = await open_answered(service)
    ref = accepted["ticket_ref"]
    await do(service, staff, ref, "replies", {"text": "Please restart it."})
    await service.client.post(
        f"/support/ticket/{ref}/messages", json={"message": "That did not help."}, headers=hold_token(accepted)
    )
    assert "release" not in (await read(service, staff, ref))["allowed"]
    problem = expect_problem(await act(service, staff, ref, "release"), 409)
    assert "just written" in problem["detail"]


async def test_what_a_person_corrects_stays_and_is_learned(service: Service, staff: Headers) -> None:
    accepted, turn = await open_answered(service)
    ref = accepted["ticket_ref"]
    async with service.pool.acquire() as conn:
        run = make_run(turn.conversation_id)
        await add_run(conn, run)
    body = {"category": "billing", "priority": "urgent", "intent": "refund_request", "route": "billing"}
    response = await service.client.patch(f"/tickets/{ref}", json=body, headers=staff)
    assert response.status_code == 200, response.text
    assert {name: response.json()[name] for name in body} == body
    ticket = await read(service, staff, ref)
    [labels] = [shown["labels"] for shown in ticket["runs"]]
    assert {(label["kind"], label["value"]) for label in labels} == {
        ("category", "billing"),
        ("intent", "refund_request"),
        ("team", "Billing team"),
    }
    async with service.pool.acquire() as conn:
        await categorise_ticket(conn, turn.conversation_id, subject="s", category="orders", priority="low")
    again = await read(service, staff, ref)
    assert (again["category"], again["priority"]) == ("billing", "urgent")


async def test_a_ticket_that_no_worker_has_read_takes_no_step_yet(service: Service, staff: Headers) -> None:
    accepted = await submit(service.client)
    response = await act(service, staff, accepted["ticket_ref"], "close")
    expect_problem(response, 409)
    assert response.headers["retry-after"] == "2"


@pytest.mark.parametrize("step", ["close", "reopen", "release"])
async def test_a_step_on_no_ticket_is_not_found(service: Service, staff: Headers, step: str) -> None:
    expect_problem(await act(service, staff, "TF-20261121-9999", step), 404)


async def test_a_customer_takes_no_step_of_staff(service: Service, sign_in: SignIn) -> None:
    headers, _, _ = await sign_in.customer()
    for step in ("close", "reopen", "release"):
        expect_problem(await act(service, headers, "TF-20261121-0001", step), 403)


async def test_whoever_follows_a_ticket_is_woken_by_each_step(fresh: Service, database_url: str) -> None:
    key = {"X-API-Key": await issue_key(fresh.pool, "tickets:write")}
    accepted, _ = await open_answered(fresh)
    woken: asyncio.Queue[str] = asyncio.Queue()
    conn = await connect(database_url, application="test")
    try:
        await conn.add_listener(TICKET_CHANNEL, lambda *args: woken.put_nowait(str(args[-1])))
        for step, body in (("notes", {"text": "n"}), ("close", None), ("reopen", None)):
            await do(fresh, key, accepted["ticket_ref"], step, body)
            async with asyncio.timeout(60):
                assert await woken.get() == accepted["ticket_ref"]
    finally:
        await conn.close()
