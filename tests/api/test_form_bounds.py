"""Each field of the form at its bounds and one beyond."""

import httpx
import pytest

from tests.api.service import FORM, expect_problem, hold_token, name_fields, read_ticket, submit

BOUNDS = [("name", 120), ("subject", 200), ("message", 10_000)]
LONGEST_EMAIL = f"{'a' * 64}@{'b' * 63}.{'c' * 63}.{'d' * 57}.com"
SPACES = [" ", "\n", "\t\r\n", "\u00a0\u2003", "\x00\x1f\x7f"]


async def refuse(client: httpx.AsyncClient, **changes: object) -> set[str]:
    """The fields for which the changed form is refused."""
    return name_fields(expect_problem(await client.post("/support/submit", json=FORM | changes), 422))


@pytest.mark.parametrize(("field", "longest"), BOUNDS)
@pytest.mark.parametrize("character", ["x", "é", "😀", "\u05d0"])
async def test_a_field_takes_one_to_its_most_characters(
    client: httpx.AsyncClient, field: str, longest: int, character: str
) -> None:
    for length in (1, longest):
        await submit(client, **{field: character * length})
    assert await refuse(client, **{field: ""}) == {field}
    assert await refuse(client, **{field: character * (longest + 1)}) == {field}


@pytest.mark.parametrize(("field", "longest"), BOUNDS)
async def test_outer_white_space_does_not_count(client: httpx.AsyncClient, field: str, longest: int) -> None:
    await submit(client, **{field: "  " + "x" * longest + "\n\n"})


@pytest.mark.parametrize("field", ["name", "subject", "message"])
@pytest.mark.parametrize("blank", SPACES)
async def test_white_space_and_control_characters_alone_are_nothing(
    client: httpx.AsyncClient, field: str, blank: str
) -> None:
    assert await refuse(client, **{field: blank}) == {field}


@pytest.mark.parametrize("field", ["name", "email", "subject", "message", "category", "priority"])
@pytest.mark.parametrize("value", [None, 1, 1.5, True, [], ["text"], {}, {"a": 1}])
async def test_a_field_that_is_no_text_is_refused_by_name(client: httpx.AsyncClient, field: str, value: object) -> None:
    assert await refuse(client, **{field: value}) == {field}


@pytest.mark.parametrize("field", ["category", "priority"])
@pytest.mark.parametrize("value", ["", "GENERAL", "urgently", "general ", "low\x00", "x" * 100_000])
async def test_a_choice_that_is_not_offered_is_refused(client: httpx.AsyncClient, field: str, value: str) -> None:
    assert await refuse(client, **{field: value}) == {field}


@pytest.mark.parametrize("category", ["general", "account", "billing", "technical", "security", "orders", "feedback"])
@pytest.mark.parametrize("priority", ["low", "medium", "high", "urgent"])
async def test_every_offered_choice_is_kept(client: httpx.AsyncClient, category: str, priority: str) -> None:
    ticket = await read_ticket(client, await submit(client, category=category, priority=priority))
    assert (ticket["category"], ticket["priority"]) == (category, priority)


async def test_the_longest_address_is_accepted(client: httpx.AsyncClient) -> None:
    assert len(LONGEST_EMAIL) == 254
    await submit(client, email=LONGEST_EMAIL)


@pytest.mark.parametrize(
    "email",
    [
        "",
        "ada",
        "ada@",
        "@example.com",
        "ada@@example.com",
        "ada@example",
        "ada example@example.com",
        "ada@exa mple.com",
        "ada@example.com, alan@example.com",
        "ada@example.com\nBcc: alan@example.com",
        '"a b"@example.com',
        "ada@[127.0.0.1]",
        "ada@localhost",
        ".ada@example.com",
        "ada@-example.com",
        "a" + LONGEST_EMAIL,
        "a" * 200_000 + "@example.com",
        "\u202eada@example.com",
        "😀" * 1000,
    ],
    ids=lambda email: repr(email[:20]),
)
async def test_what_is_no_address_is_refused(client: httpx.AsyncClient, email: str) -> None:
    assert await refuse(client, email=email) == {"email"}


@pytest.mark.parametrize(
    "email", ["a@b.co", "ada+desk@example.com", "o'brien@example.com", "josé@exämple.com", "用户@例え.jp"]
)
async def test_an_unusual_address_is_accepted(client: httpx.AsyncClient, email: str) -> None:
    await submit(client, email=email)


async def test_an_idempotency_key_has_one_to_two_hundred_characters(client: httpx.AsyncClient) -> None:
    for length in (1, 200):
        await submit(client, key="k" * length)
    for key in ("", "k" * 201, "k" * 100_000):
        response = await client.post("/support/submit", json=FORM, headers={"Idempotency-Key": key})
        assert {field.lower() for field in name_fields(expect_problem(response, 422))} == {"idempotency-key"}


async def test_an_idempotency_key_of_any_bytes_is_a_key(client: httpx.AsyncClient) -> None:
    headers = {b"Idempotency-Key": b"\xff\xfe\xe9'\"; DROP"}
    responses = [await client.post("/support/submit", json=FORM, headers=headers) for _ in range(2)]
    assert {response.status_code for response in responses} == {202}
    assert len({response.json()["ticket_ref"] for response in responses}) == 1


@pytest.mark.parametrize(
    "body", [{}, {"message": ""}, {"message": " \n"}, {"message": "x" * 10_001}, {"message": None}]
)
async def test_a_reply_has_the_bounds_of_a_message(client: httpx.AsyncClient, body: dict[str, object]) -> None:
    accepted = await submit(client)
    response = await client.post(
        f"/support/ticket/{accepted['ticket_ref']}/messages", json=body, headers=hold_token(accepted)
    )
    assert name_fields(expect_problem(response, 422)) == {"message"}
    assert len((await read_ticket(client, accepted))["messages"]) == 1


async def test_a_reply_has_no_other_fields(client: httpx.AsyncClient) -> None:
    accepted = await submit(client)
    response = await client.post(
        f"/support/ticket/{accepted['ticket_ref']}/messages",
        json={"message": "Hello?", "author": "assistant"},
        headers=hold_token(accepted),
    )
    assert name_fields(expect_problem(response, 422)) == {"author"}
