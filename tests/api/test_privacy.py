"""Privacy over HTTP: a customer is shown to staff, handed out to an admin or to themselves, and erased by an admin."""

import base64
import json

import pytest

from database.files import PostgresFiles
from database.queries.attachments import add_attachments
from database.types import Attachment, MessageId
from tests.api.callers import SignIn
from tests.api.service import FORM, Service, expect_problem, issue_key, submit
from tests.api.turns import take_turn

NOBODY = "00000000-0000-7000-8000-000000000000"


async def open_customer(service: Service) -> str:
    """Ada, who has filled in the form and sent a file along."""
    accepted = await submit(service.client)
    turn = await take_turn(service.pool, accepted["ticket_ref"])
    digest = await PostgresFiles(service.pool).put(b"\x00a file")
    async with service.pool.acquire() as conn:
        message_id: MessageId = await conn.fetchval(
            "SELECT id FROM messages WHERE conversation_id = $1", turn.conversation_id
        )
        await add_attachments(conn, message_id, [Attachment(name="a.bin", content_type="text/plain", digest=digest)])
        return str(await conn.fetchval("SELECT customer_id FROM conversations WHERE id = $1", turn.conversation_id))


async def hold(service: Service, *scopes: str) -> dict[str, str]:
    return {"X-API-Key": await issue_key(service.pool, *scopes)}


async def test_staff_see_who_a_customer_is(fresh: Service) -> None:
    customer_id = await open_customer(fresh)
    headers = await hold(fresh, "customers:read")
    response = await fresh.client.get(f"/customers/{customer_id}", headers=headers)
    assert response.status_code == 200, response.text
    view = response.json()
    (identifier,) = view["identifiers"]
    assert (view["id"], view["name"], identifier["value"]) == (customer_id, FORM["name"], FORM["email"])
    assert [conversation["channel"] for conversation in view["conversations"]] == ["web"]
    assert view["opt_outs"] == []
    expect_problem(await fresh.client.get(f"/customers/{NOBODY}", headers=headers), 404)


@pytest.mark.parametrize(("method", "path"), [("GET", "export"), ("POST", "erasure")])
async def test_only_an_admin_hands_out_or_erases(method: str, path: str, fresh: Service) -> None:
    customer_id = await open_customer(fresh)
    headers = await hold(fresh, "customers:read", "tickets:write")
    address = f"/customers/{customer_id}/{path}"
    expect_problem(await fresh.client.request(method, address, json={"confirm": "a"}), 401)
    expect_problem(await fresh.client.request(method, address, json={"confirm": "a"}, headers=headers), 403)


async def test_an_export_has_everything_and_is_one_document(fresh: Service) -> None:
    customer_id = await open_customer(fresh)
    headers = await hold(fresh, "admin")
    response = await fresh.client.get(f"/customers/{customer_id}/export", headers=headers)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    document = json.loads(response.text)
    assert document["customer"]["identifiers"][0]["value"] == FORM["email"]
    (conversation,) = document["conversations"]
    assert conversation["ticket"]["subject"] == FORM["subject"]
    assert [message["text"] for message in conversation["messages"]] == [FORM["message"]]
    (file,) = document["files"]
    assert (file["name"], base64.b64decode(file["content_base64"])) == ("a.bin", b"\x00a file")
    expect_problem(await fresh.client.get(f"/customers/{NOBODY}/export", headers=headers), 404)


async def test_a_customer_who_signed_in_takes_out_what_is_theirs_with_account_and_notes_on_them(fresh: Service) -> None:
    headers, email, _ = await SignIn(fresh).customer()
    staff, _ = await SignIn(fresh).staff()
    await submit(fresh.client)  # somebody else's
    opened = await fresh.client.post("/tickets", json={"subject": "Lost", "message": "Where is it?"}, headers=headers)
    ref = opened.json()["ticket_ref"]
    await take_turn(fresh.pool, ref)
    noted = await fresh.client.post(f"/tickets/{ref}/notes", json={"text": "Looks for a parcel"}, headers=staff)
    assert noted.status_code == 201, noted.text
    response = await fresh.client.get("/me/export", headers=headers)
    assert response.status_code == 200, response.text
    document = json.loads(response.text)
    assert [account["email"] for account in document["customer"]["accounts"]] == [email]
    (conversation,) = document["conversations"]
    assert [message["text"] for message in conversation["messages"]] == ["Where is it?"]
    assert [note["text"] for note in conversation["notes"]] == ["Looks for a parcel"]
    assert not {"assignee_id", "search"} & set(conversation["ticket"])


async def test_who_is_no_customer_has_nothing_of_their_own_to_export(fresh: Service) -> None:
    expect_problem(await fresh.client.get("/me/export", headers=await hold(fresh, "admin")), 404)
    expect_problem(await fresh.client.get("/me/export", headers=await hold(fresh, "tickets:read")), 403)


async def test_an_erasure_answers_with_its_certificate_each_time(fresh: Service) -> None:
    customer_id = await open_customer(fresh)
    headers = await hold(fresh, "admin")
    address = f"/customers/{customer_id}/erasure"
    expect_problem(await fresh.client.post(address, json={"confirm": "bob@example.com"}, headers=headers), 409)
    expect_problem(await fresh.client.post(address, json={"confirm": ""}, headers=headers), 422)
    first = await fresh.client.post(address, json={"confirm": FORM["email"]}, headers=headers)
    assert first.status_code == 200, first.text
    certificate = first.json()
    assert (certificate["counts"]["messages"], certificate["counts"]["attachments"]) == (1, 1)
    assert certificate["finished_at"]
    assert FORM["email"] not in first.text
    again = await fresh.client.post(address, json={"confirm": FORM["email"]}, headers=headers)
    assert again.json() == certificate
    expect_problem(await fresh.client.get(f"/customers/{customer_id}", headers=headers), 404)
    nobody = f"/customers/{NOBODY}/erasure"
    expect_problem(await fresh.client.post(nobody, json={"confirm": FORM["email"]}, headers=headers), 404)


async def test_a_form_that_is_sent_once_more_after_the_erasure_is_refused(fresh: Service) -> None:
    await submit(fresh.client, key="once")
    async with fresh.pool.acquire() as conn:
        ref = await conn.fetchval("SELECT contact FROM queue_threads")
    await take_turn(fresh.pool, ref)
    async with fresh.pool.acquire() as conn:
        customer_id = await conn.fetchval("SELECT customer_id FROM conversations")
    headers = await hold(fresh, "admin")
    order = {"confirm": FORM["email"]}
    await fresh.client.post(f"/customers/{customer_id}/erasure", json=order, headers=headers)
    response = await fresh.client.post("/support/submit", json=FORM, headers={"Idempotency-Key": "once"})
    expect_problem(response, 409)
    async with fresh.pool.acquire() as conn:
        assert await conn.fetchval("SELECT count(*) FROM message_queue") == 0
