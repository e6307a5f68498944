"""Whose address counts: what a client says of itself is believed of nobody."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address, ip_network

import httpx
import pytest
from fastapi import FastAPI, Request
from hypothesis import given
from hypothesis import strategies as st

from api.proxies import TrustedProxies, find_client, parse_address, read_client

OURS = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
PROXY = ip_address("10.0.0.1")


@pytest.mark.parametrize(
    ("chain", "client"),
    [
        (["203.0.113.7"], "203.0.113.7"),
        (["1.1.1.1, 203.0.113.7"], "203.0.113.7"),
        (["1.1.1.1, 203.0.113.7, 10.0.0.2, fd00::2"], "203.0.113.7"),
        (["1.1.1.1", "203.0.113.7", "10.0.0.2"], "203.0.113.7"),
        (["10.0.0.9, 10.0.0.2"], "10.0.0.9"),
        (["203.0.113.7, made up, 10.0.0.2"], "10.0.0.2"),
        (["203.0.113.7, unknown"], "10.0.0.1"),
        (["203.0.113.7:4711"], "203.0.113.7"),
        (["[2001:db8::1]:4711"], "2001:db8::1"),
        (['"[2001:db8::1]"'], "2001:db8::1"),
        (["2001:db8::1"], "2001:db8::1"),
        (["::ffff:203.0.113.7"], "203.0.113.7"),
        (["203.0.113.7,"], "10.0.0.1"),
        ([""], "10.0.0.1"),
        ([], "10.0.0.1"),
    ],
)
def test_the_chain_is_read_from_its_end_past_our_own_proxies(chain: list[str], client: str) -> None:
    assert find_client(PROXY, chain, OURS) == ip_address(client)


def test_somebody_who_is_no_proxy_of_ours_is_the_client_whatever_they_say() -> None:
    stranger = ip_address("203.0.113.7")
    assert find_client(stranger, ["1.1.1.1"], OURS) == stranger


@given(said=st.lists(st.text() | st.ip_addresses().map(str)), client=st.ip_addresses())
def test_whatever_a_client_writes_in_front_the_address_that_our_proxy_saw_counts(
    said: list[str], client: object
) -> None:
    seen = parse_address(str(client))
    assert seen is not None
    chain = [*said, str(client)]
    if not any(seen in network for network in OURS):
        assert find_client(PROXY, chain, OURS) == seen


@given(text=st.text())
def test_any_text_is_an_address_or_none(text: str) -> None:
    parse_address(text)


@asynccontextmanager
async def ask(peer: str, *, trusted: bool) -> AsyncIterator[httpx.AsyncClient]:
    """A client at `peer` of an application that answers who it thinks has asked, and how."""
    app = FastAPI()

    @app.get("/")
    async def answer(request: Request) -> list[str]:
        return [str(read_client(request)), request.url.scheme]

    app.add_middleware(TrustedProxies, trusted=OURS if trusted else ())
    transport = httpx.ASGITransport(app, client=(peer, 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://desk.test") as client:
        yield client


@pytest.mark.parametrize(
    ("peer", "trusted", "expected"),
    [
        ("10.0.0.1", True, ["203.0.113.7", "https"]),
        ("10.0.0.1", False, ["10.0.0.1", "http"]),
        ("198.51.100.1", True, ["198.51.100.1", "http"]),
    ],
)
async def test_headers_of_proxies_are_believed_from_trusted_ones_alone(
    peer: str, trusted: bool, expected: list[str]
) -> None:
    headers = {"X-Forwarded-For": "1.1.1.1, 203.0.113.7", "X-Forwarded-Proto": "http, https"}
    async with ask(peer, trusted=trusted) as client:
        assert (await client.get("/", headers=headers)).json() == expected


async def test_a_scheme_that_is_none_changes_nothing() -> None:
    async with ask("10.0.0.1", trusted=True) as client:
        answer = await client.get("/", headers={"X-Forwarded-Proto": "javascript"})
        assert answer.json() == ["10.0.0.1", "http"]
