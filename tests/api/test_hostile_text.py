"""Text that breaks careless programs is stored and returned as data, or refused."""

import json

import httpx
import pytest

from channels.web.parse import clean_text
from tests.api.service import FORM, Service, expect_problem, hold_token, name_fields, read_ticket, submit
from tests.api.turns import take_turn

JSON = {"Content-Type": "application/json"}
UNCHANGED = {
    "html": "<script>alert('x')</script><img src=x onerror=alert(1)>&amp;&lt;",
    "markdown": "[click](javascript:alert(1)) `code` **bold** ![i](http://x/y.png)",
    "arabic": "مرحبا، لا أستطيع تسجيل الدخول",
    "hebrew and latin": "שלום world שלום",
    "direction marks": "user\u202egnp.exe\u202c \u2066isolated\u2069",
    "zalgo": "h\u0335\u0321e\u0334l\u0336p" + "\u0301" * 500,
    "emoji family": "👨‍👩‍👧‍👦🏳️‍🌈👍🏽",
    "non-characters": "a\ufffe\uffff\U0010ffff\ufeffb",
    "unicode lines": "a\u2028b\u2029c\u0085d",
    "sql": "'; DROP TABLE message_queue; -- $1 %s :name {0}",
    "json": '{"a": "\\u0000", "b": [1, null]}',
    "sse": "first\n\ndata: forged\nevent: forged\nid: 1",
    "template": "{{7*7}} ${7*7} <%= 7*7 %> #{7*7}",
    "long word": "x" * 10_000,
    "backslashes": "\\\\ \\n \\u0041 \\",
    "lines and tabs": "one\n\n\ttwo\n three",
}


@pytest.mark.parametrize("text", UNCHANGED.values(), ids=UNCHANGED.keys())
async def test_a_message_comes_back_as_it_was_written(client: httpx.AsyncClient, text: str) -> None:
    accepted = await submit(client, message=text)
    response = await client.get(accepted["status_url"])
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.json()["messages"][0]["text"] == text


@pytest.mark.parametrize("text", UNCHANGED.values(), ids=UNCHANGED.keys())
async def test_a_message_is_the_same_after_a_worker_stored_it(service: Service, text: str) -> None:
    accepted = await submit(service.client, message=text)
    await take_turn(service.pool, accepted["ticket_ref"])
    assert (await read_ticket(service.client, accepted))["messages"][0]["text"] == text


@pytest.mark.parametrize("text", UNCHANGED.values(), ids=UNCHANGED.keys())
async def test_a_reply_comes_back_as_it_was_written(client: httpx.AsyncClient, text: str) -> None:
    accepted = await submit(client)
    url = f"/support/ticket/{accepted['ticket_ref']}/messages"
    response = await client.post(url, json={"message": text}, headers=hold_token(accepted))
    assert response.status_code == 202
    assert (await read_ticket(client, accepted))["messages"][1]["text"] == text


async def test_a_subject_is_one_line(client: httpx.AsyncClient) -> None:
    accepted = await submit(client, subject="Help\r\nBcc: everybody@example.com\tnow\u2028please")
    assert (await read_ticket(client, accepted))["subject"] == "Help Bcc: everybody@example.com now please"


async def test_windows_line_ends_become_one_kind(client: httpx.AsyncClient) -> None:
    accepted = await submit(client, message="one\r\ntwo\rthree\n\r\nfour")
    assert (await read_ticket(client, accepted))["messages"][0]["text"] == "one\ntwo\nthree\n\nfour"


@pytest.mark.parametrize("field", ["name", "subject", "message"])
async def test_nul_bytes_and_other_control_characters_are_dropped(service: Service, field: str) -> None:
    accepted = await submit(service.client, **{field: "be\x00fo\x07re\x1b[31m\x7f"})
    turn = await take_turn(service.pool, accepted["ticket_ref"])
    first = turn.lease.messages[0].message
    assert first.sender is not None
    assert first.ticket is not None
    stored = {"name": first.sender.name, "subject": first.ticket.subject, "message": first.text}
    assert stored[field] == "before[31m"


async def test_a_nul_byte_in_the_raw_body_is_no_json(client: httpx.AsyncClient) -> None:
    body = json.dumps(FORM).replace("How", "How\x00").encode()
    expect_problem(await client.post("/support/submit", content=body, headers=JSON), 422)


@pytest.mark.usefixtures("quiet_log")
@pytest.mark.parametrize("surrogate", ["\\ud800", "\\udfff", "a\\udc00b", "\\udc00\\ud800", "\\ud800\\u0041"])
@pytest.mark.parametrize("field", ["name", "email", "subject", "category", "priority", "message"])
async def test_a_lone_surrogate_is_refused_by_the_name_of_its_field(
    client: httpx.AsyncClient, field: str, surrogate: str
) -> None:
    body = json.dumps(FORM | {field: "HERE"}).replace("HERE", surrogate)
    response = await client.post("/support/submit", content=body, headers=JSON)
    assert name_fields(expect_problem(response, 422)) == {field}


@pytest.mark.parametrize("name", ["\\ud800", "a\\udfffb", "\\u0000", "", "\\u202e"])
async def test_an_unknown_field_with_an_odd_name_is_a_problem(client: httpx.AsyncClient, name: str) -> None:
    body = json.dumps(FORM | {"HERE": 1}).replace("HERE", name)
    expect_problem(await client.post("/support/submit", content=body, headers=JSON), 422)


async def test_a_surrogate_pair_is_the_character_it_means(client: httpx.AsyncClient) -> None:
    body = json.dumps(FORM | {"message": "HERE"}).replace("HERE", "\\ud83d\\ude00")
    response = await client.post("/support/submit", content=body, headers=JSON)
    assert (await read_ticket(client, response.json()))["messages"][0]["text"] == "😀"


@pytest.mark.usefixtures("quiet_log")
@pytest.mark.parametrize("body", ['{"message": "\\ud800"}', '{"\\ud800": 1, "message": "x"}'])
async def test_a_reply_with_a_lone_surrogate_is_refused(client: httpx.AsyncClient, body: str) -> None:
    accepted = await submit(client)
    url = f"/support/ticket/{accepted['ticket_ref']}/messages"
    expect_problem(await client.post(url, content=body, headers=JSON | hold_token(accepted)), 422)


@pytest.mark.parametrize("field", ["name", "email", "subject", "category", "message"])
async def test_a_megabyte_of_emoji_is_too_large(client: httpx.AsyncClient, field: str) -> None:
    body = json.dumps(FORM | {field: "😀" * 262_144}, ensure_ascii=False).encode()
    assert len(body) > 1_000_000
    assert (await client.post("/support/submit", content=body, headers=JSON)).status_code == 413


async def test_as_many_emoji_as_a_message_may_have_come_back(service: Service) -> None:
    accepted = await submit(service.client, message="😀" * 10_000)
    await take_turn(service.pool, accepted["ticket_ref"])
    assert (await read_ticket(service.client, accepted))["messages"][0]["text"] == "😀" * 10_000


async def test_the_same_field_twice_has_one_value(client: httpx.AsyncClient) -> None:
    body = json.dumps(FORM)[:-1] + ', "message": "the last one"}'
    response = await client.post("/support/submit", content=body, headers=JSON)
    assert (await read_ticket(client, response.json()))["messages"][0]["text"] == "the last one"


@pytest.mark.parametrize("text", UNCHANGED.values(), ids=UNCHANGED.keys())
def test_text_without_control_characters_is_clean_already(text: str) -> None:
    assert clean_text(text) == text
