"""A ticket's token opens that ticket, everything of it, and nothing else."""

import httpx
import pytest

from tests.api.service import PROBLEM, expect_problem, hold_token, submit


async def ask(client: httpx.AsyncClient, place: str, ref: str, **how: str) -> httpx.Response:
    """Use one of the ticket's three addresses with a token as `query` or as `bearer`."""
    headers = {"Authorization": f"Bearer {how['bearer']}"} if "bearer" in how else {}
    params = {"token": how["query"]} if "query" in how else {}
    method = "POST" if place == "/messages" else "GET"
    body = {"message": "Hello?"} if method == "POST" else None
    return await client.request(method, f"/support/ticket/{ref}{place}", json=body, headers=headers, params=params)


PLACES = pytest.mark.parametrize("place", ["", "/messages", "/events"])


@PLACES
async def test_a_ticket_without_a_token_is_refused(client: httpx.AsyncClient, place: str) -> None:
    accepted = await submit(client)
    response = await ask(client, place, accepted["ticket_ref"])
    expect_problem(response, 401)
    assert response.headers["www-authenticate"] == "Bearer"


@PLACES
async def test_a_wrong_token_and_an_unknown_ticket_look_alike(client: httpx.AsyncClient, place: str) -> None:
    accepted = await submit(client)
    wrong = await ask(client, place, accepted["ticket_ref"], query="0" * 64)
    unknown = await ask(client, place, "TF-20261121-999999", query=accepted["ticket_token"])
    assert expect_problem(wrong, 404) == expect_problem(unknown, 404)


@PLACES
async def test_the_token_of_another_ticket_opens_nothing(client: httpx.AsyncClient, place: str) -> None:
    hers, his = await submit(client), await submit(client)
    expect_problem(await ask(client, place, hers["ticket_ref"], query=his["ticket_token"]), 404)
    expect_problem(await ask(client, place, hers["ticket_ref"], bearer=his["ticket_token"]), 404)


@pytest.mark.parametrize("place", ["", "/messages"])
@pytest.mark.parametrize("how", ["query", "bearer"])
async def test_the_token_opens_its_ticket_in_the_address_and_in_the_header(
    client: httpx.AsyncClient, place: str, how: str
) -> None:
    accepted = await submit(client)
    response = await ask(client, place, accepted["ticket_ref"], **{how: accepted["ticket_token"]})
    assert response.is_success


@pytest.mark.parametrize("cut", [0, 1, 32, 63])
async def test_a_part_of_the_token_is_not_enough(client: httpx.AsyncClient, cut: int) -> None:
    accepted = await submit(client)
    response = await ask(client, "", accepted["ticket_ref"], query=accepted["ticket_token"][:cut])
    assert response.status_code in {401, 404}


async def test_a_longer_token_does_not_open_the_ticket(client: httpx.AsyncClient) -> None:
    accepted = await submit(client)
    for more in ("0", "0" * 500):
        given = accepted["ticket_token"] + more
        expect_problem(await ask(client, "", accepted["ticket_ref"], bearer=given), 404)


@pytest.mark.parametrize("token", ["%00", "%ED%A0%80", "%F0%9F%94%91", "' OR 1=1 --", "a&token=b"])
async def test_an_odd_token_is_only_wrong(client: httpx.AsyncClient, token: str) -> None:
    accepted = await submit(client)
    expect_problem(await client.get(f"/support/ticket/{accepted['ticket_ref']}?token={token}"), 404)


async def test_bytes_outside_ascii_in_the_header_are_only_wrong(client: httpx.AsyncClient) -> None:
    accepted = await submit(client)
    response = await client.get(
        f"/support/ticket/{accepted['ticket_ref']}", headers={b"Authorization": b"Bearer \xff\xfe\xe9"}
    )
    expect_problem(response, 404)


@pytest.mark.parametrize(
    "ref", ["%00", "..%2F..%2Fetc", "%F0%9F%8E%AB", "%ED%A0%80", "a%0D%0Ab", "'", "x" * 41, "x" * 5000]
)
@PLACES
async def test_an_odd_reference_is_refused_calmly(client: httpx.AsyncClient, ref: str, place: str) -> None:
    response = await client.get(f"/support/ticket/{ref}{place}?token=x")
    assert 400 <= response.status_code < 500
    assert response.headers["content-type"] == PROBLEM


async def test_a_replys_author_needs_no_account_but_the_token(client: httpx.AsyncClient) -> None:
    accepted = await submit(client)
    url = f"/support/ticket/{accepted['ticket_ref']}/messages"
    expect_problem(await client.post(url, json={"message": "Hello?"}), 401)
    response = await client.post(url, json={"message": "Hello?"}, headers=hold_token(accepted))
    assert response.status_code == 202
    assert response.json()["ticket_ref"] == accepted["ticket_ref"]
