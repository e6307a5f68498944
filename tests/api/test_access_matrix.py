"""Every route × every caller × own, foreign and unknown object: who is let in, and what all others are told.

ROWS has a line per route: who may call it, which must be what the route declares, and what it answers those it lets in.
Whom it refuses, and how, follows from that.
"""

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

import httpx
import pytest

from api.access import ANYONE, SIGNED_IN, TICKET_HOLDER, VENDOR, Access, Allow, list_declarations
from api.openapi import list_routes
from api.tokens import make_access_token, read_access_token
from channels.base import BadSignature
from core.ids import hash_secret
from core.settings import RateSettings, Settings
from database.types import ROLE_SCOPES, SCOPES, Scope
from tests.api.access_table import CALLERS, CUSTOMERS, HOLDERS, KEYS, ROWS, STRANGERS, Row
from tests.api.callers import Headers, SignIn
from tests.api.people import bear
from tests.api.receivers import StubReceiver, installed
from tests.api.service import SECRET_KEY, Service, issue_key, open_service
from tests.api.world import HangUp, World, build_world, with_channels
from tests.conftest import cloned

PARAMETER = re.compile(r"\{(\w+)(?::path)?\}")
UNKNOWN_IDS = {
    "ref": "TF-20200101-9999",
    "channel": "gmail",
    "inbox": "nobody@example.com",
    "category": "weather",
    "path": "tickets",
    "address": "nowhere",
}


@dataclass(frozen=True, slots=True)
class Cast:
    """Everybody who may call, each with the headers that they show."""

    world: World
    client: httpx.AsyncClient
    headers: Mapping[str, Headers]
    keys: Mapping[tuple[str, Scope], Headers]

    def dress(self, caller: str, access: Access) -> Headers:
        """The headers of a caller; which scopes a key has depends on the route's."""
        if caller not in KEYS:
            return self.headers[caller]
        return self.keys[caller, access.scope if isinstance(access, Allow) else "tickets:read"]

    async def call(self, name: str, row: Row, headers: Headers, *, is_known: bool = True) -> int:
        """The status of one call, of the owner's object or of one that does not exist."""
        method, template = name.split()
        known = {**self.world.ids, **row.ids}
        path = PARAMETER.sub(
            lambda found: known[found[1]] if is_known else UNKNOWN_IDS.get(found[1]) or str(uuid4()), template
        )
        response = await self.client.request(
            method, path, params=row.params, json=row.json, files=row.files, headers=headers
        )
        return response.status_code


@pytest.fixture(scope="module")
async def cast(server_url: str, template_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cast]:
    """One desk for all routes: what they change of an object, they change of the same one."""
    settings = with_channels(
        Settings.model_construct(data_dir=tmp_path_factory.mktemp("matrix"), rate=RateSettings(limits=False))
    )
    async with cloned(server_url, "nightdesk_template") as url, open_service(settings, url) as service:
        world = await build_world(service)
        transport = httpx.ASGITransport(HangUp(service.app), raise_app_exceptions=False)
        with installed(service, StubReceiver(refusal=BadSignature("not signed"))):
            async with httpx.AsyncClient(transport=transport, base_url="http://desk.test") as client:
                yield Cast(world, client, await dress_all(world), await cut_keys(service))


async def dress_all(world: World) -> dict[str, Headers]:
    """The headers of everybody but the keys."""
    service = world.service
    return {
        "nobody": {},
        "a wrong token": bear("wrong"),
        "an expired token": await make_expired(service, world),
        "a revoked key": {"X-API-Key": await revoke(service)},
        "somebody disabled": await make_out(service, "UPDATE users SET disabled_at = now() WHERE id = $1"),
        "somebody signed out": await make_out(service, "UPDATE sessions SET revoked_at = now() WHERE user_id = $1"),
        "the ticket's holder": world.owner.holding,
        "another ticket's holder": world.other.holding,
        "the owner": world.owner.headers,
        "another customer": world.other.headers,
        "an agent": world.agent,
        "an admin": world.admin,
    }


async def make_expired(service: Service, world: World) -> Headers:
    """An admin's token of an hour ago. The session behind it still stands."""
    claims = read_access_token(SECRET_KEY, world.admin["Authorization"].split()[1], now=service.desk.clock())
    assert claims is not None
    return bear(make_access_token(SECRET_KEY, claims, now=service.desk.clock() - timedelta(hours=1), minutes=15))


async def make_out(service: Service, statement: str) -> Headers:
    """Somebody whose token has not expired, and who is no admin any more."""
    headers, user_id = await SignIn(service).staff("Alex Wood", "admin")
    async with service.pool.acquire() as conn:
        await conn.execute(statement, user_id)
    return headers


async def revoke(service: Service) -> str:
    """A key that could do everything."""
    key = await issue_key(service.pool, "admin")
    async with service.pool.acquire() as conn:
        await conn.execute("UPDATE api_keys SET revoked_at = now() WHERE key_hash = $1", hash_secret(key))
    return key


async def cut_keys(service: Service) -> dict[tuple[str, Scope], Headers]:
    """For each scope a key with it, one with all others, and one with a single other. `admin` would be all of them."""
    plain = [scope for scope in SCOPES if scope != "admin"]
    keys: dict[tuple[str, Scope], Headers] = {}
    for scope in SCOPES:
        others: list[str] = [other for other in plain if other != scope]
        cuts: list[list[str]] = [[scope], others, others[:1]]
        for caller, scopes in zip(KEYS, cuts, strict=True):
            keys[caller, scope] = {"X-API-Key": await issue_key(service.pool, *scopes)}
    return keys


def expect(access: Access, row: Row, caller: str) -> set[int]:
    """What a route that declares this answers a caller who asks for what is the owner's."""
    if caller in row.but:
        return row.but[caller]
    if isinstance(access, Allow):
        return expect_scope(access, row, caller)
    if access is SIGNED_IN:
        return expect_person(row, caller)
    if access is TICKET_HOLDER:
        return expect_holder(row, caller)
    assert access in {ANYONE, VENDOR}
    return row.lets_in


def expect_scope(access: Allow, row: Row, caller: str) -> set[int]:
    """Staff and keys by their scopes; customers only where it is theirs."""
    if caller in {*STRANGERS, *HOLDERS}:
        return {401}
    if caller in CUSTOMERS:
        is_foreign = caller == "another customer" and row.foreign is not None
        return {row.foreign or 0} if access.own and is_foreign else row.lets_in if access.own else {403}
    is_let_in = {
        "an agent": access.scope in ROLE_SCOPES["agent"],
        "an admin": True,
        "a key with the scope": True,
    }
    return row.lets_in if is_let_in.get(caller, False) else {403}


def expect_person(row: Row, caller: str) -> set[int]:
    """Everybody with an account. A machine has none; a revoked key is nobody's."""
    if caller in KEYS:
        return {401}  # X-API-Key is not even looked at
    return {401} if caller in {*STRANGERS, *HOLDERS} else row.lets_in


def expect_holder(row: Row, caller: str) -> set[int]:
    """The ticket's token and nothing else: not even an admin's, who has routes of their own."""
    if caller == "the ticket's holder":
        return row.lets_in
    return {401} if caller == "nobody" or caller in KEYS or caller == "a revoked key" else {404}


def find_declarations(service: Service) -> dict[str, Access]:
    """What each route declares, by method and path."""
    return {
        f"{method} {route.path}": next(iter(list_declarations(route.dependant)))
        for route in list_routes(service.app)
        for method in route.methods or ()
    }


async def test_every_route_declares_what_the_table_says(service: Service) -> None:
    declared = {name: access.audience for name, access in find_declarations(service).items()}
    assert declared == {name: row.audience for name, row in ROWS.items()}


@pytest.mark.parametrize("name", ROWS)
async def test_each_caller_gets_what_the_declaration_promises(cast: Cast, name: str) -> None:
    access, row = find_declarations(cast.world.service)[name], ROWS[name]
    answers = {caller: await cast.call(name, row, cast.dress(caller, access)) for caller in CALLERS}
    expected = {caller: expect(access, row, caller) for caller in CALLERS}
    assert {who: status for who, status in answers.items() if status not in expected[who]} == {}, expected


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.unknown is not None])
async def test_what_does_not_exist_looks_alike_to_all_who_are_let_in(cast: Cast, name: str) -> None:
    access, row = find_declarations(cast.world.service)[name], ROWS[name]
    for caller in CALLERS:
        if expect(access, row, caller) == row.lets_in:
            status = await cast.call(name, row, cast.dress(caller, access), is_known=False)
            assert (caller, status) == (caller, row.unknown)


async def test_every_route_with_an_object_says_what_becomes_of_one_that_does_not_exist() -> None:
    pages = {"GET /ticket/{ref}", "GET /desk/{path:path}"}  # their scripts ask the API
    assert {name for name, row in ROWS.items() if "{" in name and row.unknown is None} == pages
