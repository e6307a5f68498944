"""Signing in: the right password opens, everything else is told the same, and guessing gets slower and slower."""

import asyncio
import json

import bcrypt
import httpx
import pytest

from core.passwords import Passwords
from core.settings import ApiSettings, Settings
from database.queries.sign_ins import ACCOUNT, ADDRESS
from tests.api.people import PASSWORD, Browser, Watch, bear, hire, open_browser
from tests.api.service import Service, expect_problem, issue_key, name_fields, open_service

WRONG = "not this one at all"


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The cost of every comparison of a password."""
    costs: list[int] = []
    compare = bcrypt.checkpw

    def note(password: bytes, hashed: bytes) -> bool:
        costs.append(int(hashed.split(b"$")[2]))
        return compare(password, hashed)

    monkeypatch.setattr(bcrypt, "checkpw", note)
    return costs


def look_at(response: httpx.Response) -> tuple[int, bytes, list[tuple[str, str]]]:
    """All that a client sees of an answer, except its name."""
    named = {name: value for name, value in response.headers.items() if name != "x-request-id"}
    return response.status_code, response.content, sorted(named.items())


async def test_the_right_password_gives_an_access_token_and_a_cookie(desk: Service, browser: Browser) -> None:
    ada = await hire(desk.pool, "agent", email="ada@example.com", name="Ada")
    response = await browser.try_password("Ada@Example.com", PASSWORD)
    assert response.json().keys() == {"access_token", "token_type", "expires_in"}
    assert (response.json()["token_type"], response.json()["expires_in"]) == ("bearer", 900)
    me = (await browser.read_me(response.json()["access_token"])).json()
    assert (me["id"], me["email"], me["name"], me["role"]) == (str(ada.id), "ada@example.com", "Ada", "agent")
    assert "tickets:write" in me["scopes"]
    assert "admin" not in me["scopes"]
    assert me["customer_id"] is None


async def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(desk: Service, browser: Browser) -> None:
    ada = await hire(desk.pool)
    response = await browser.try_password(ada.email, PASSWORD)
    set_cookie = response.headers["set-cookie"].lower()
    assert browser.cookie not in response.text
    for part in ("httponly", "samesite=strict", "path=/auth", "max-age=2592000"):
        assert part in set_cookie
    assert "secure" not in set_cookie


@pytest.mark.parametrize("public_url", [None, "https://desk.test"])
async def test_behind_tls_the_cookie_travels_encrypted_alone(
    public_url: str | None, settings: Settings, database_url: str
) -> None:
    behind_tls = settings.model_copy(update={"api": ApiSettings(public_url=public_url)})
    base_url = "http://desk.test" if public_url else "https://desk.test"
    async with open_service(behind_tls, database_url) as desk, open_browser(desk, base_url=base_url) as browser:
        ada = await hire(desk.pool)
        response = await browser.try_password(ada.email, PASSWORD)
        assert "secure" in response.headers["set-cookie"].lower()


async def test_a_wrong_password_an_unknown_and_a_disabled_account_are_told_the_same(
    desk: Service, browser: Browser, checks: list[int]
) -> None:
    ada, bob = await hire(desk.pool), await hire(desk.pool)
    async with desk.pool.acquire() as conn:
        await conn.execute("UPDATE users SET disabled_at = now() WHERE id = $1", bob.id)
    answers = [
        await browser.try_password(ada.email, WRONG),
        await browser.try_password("nobody@example.com", WRONG),
        await browser.try_password(bob.email, PASSWORD),
    ]
    assert look_at(answers[0]) == look_at(answers[1]) == look_at(answers[2])
    expect_problem(answers[0], 401)
    assert checks == [4, 4, 4], "each answer takes one comparison of the same cost"


@pytest.mark.parametrize("exists", [True, False], ids=["known", "unknown"])
async def test_after_a_few_tries_an_account_is_paused_and_each_pause_is_longer(
    exists: bool, desk: Service, watch: Watch, checks: list[int]
) -> None:
    email = (await hire(desk.pool)).email if exists else "nobody@example.com"
    for _ in range(ACCOUNT.free + 1):
        async with open_browser(desk) as browser:
            expect_problem(await browser.try_password(email, WRONG), 401)
    pauses: list[int] = []
    for _ in range(10):
        checks.clear()
        async with open_browser(desk) as browser:
            blocked = await browser.try_password(email, PASSWORD)
            expect_problem(blocked, 429)
            assert not checks, "the password is not even looked at"
            pauses.append(int(blocked.headers["retry-after"]))
            watch.go_on(seconds=pauses[-1])
            expect_problem(await browser.try_password(email, WRONG), 401)
    assert pauses == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


async def test_nobody_keeps_an_account_closed_by_trying_on(desk: Service, watch: Watch) -> None:
    ada = await hire(desk.pool)
    async with open_browser(desk) as thief, open_browser(desk) as browser:
        while (await thief.try_password(ada.email, WRONG)).status_code == 401:
            pass
        for _ in range(ADDRESS.free):
            await thief.try_password(ada.email, WRONG)
        watch.go_on(seconds=2)
        await browser.sign_in(ada.email)
        assert (await browser.try_password(ada.email, WRONG)).status_code == 401, "the account begins anew"


@pytest.mark.parametrize(
    "meanwhile",
    ["UPDATE users SET password_hash = 'x'", "UPDATE users SET disabled_at = now()"],
    ids=["new", "disabled"],
)
async def test_a_password_that_stops_being_good_while_it_is_compared_opens_no_session(
    meanwhile: str, desk: Service, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await hire(desk.pool)

    async def match(_self: Passwords, _password: str, _password_hash: str | None) -> bool:
        async with desk.pool.acquire() as conn:
            await conn.execute(meanwhile)
        return True

    monkeypatch.setattr(Passwords, "matches", match)
    expect_problem(await browser.try_password(ada.email, PASSWORD), 401)
    async with desk.pool.acquire() as conn:
        assert await conn.fetchval("SELECT count(*) FROM sessions") == 0


async def test_an_address_that_tries_many_accounts_is_paused_and_others_are_not(desk: Service) -> None:
    ada = await hire(desk.pool)
    async with open_browser(desk) as thief, open_browser(desk) as browser:
        for number in range(ADDRESS.free + 1):
            expect_problem(await thief.try_password(f"somebody{number}@example.com", WRONG), 401)
        expect_problem(await thief.try_password(ada.email, PASSWORD), 429)
        await browser.sign_in(ada.email)


async def test_signing_in_to_ones_own_account_does_not_wipe_out_an_addresss_guesses(desk: Service) -> None:
    own = await hire(desk.pool)
    async with open_browser(desk) as thief:
        for number in range(ADDRESS.free):
            expect_problem(await thief.try_password(f"somebody{number}@example.com", WRONG), 401)
            if number % 5 == 0:
                await thief.sign_in(own.email)
        expect_problem(await thief.try_password("another@example.com", WRONG), 401)
        expect_problem(await thief.try_password("another@example.com", WRONG), 429)


async def test_tries_are_forgotten_after_a_quiet_hour(desk: Service, watch: Watch) -> None:
    ada = await hire(desk.pool)
    for _ in range(2):
        for _ in range(ACCOUNT.free):
            async with open_browser(desk) as browser:
                expect_problem(await browser.try_password(ada.email, WRONG), 401)
        watch.go_on(seconds=3_601)


async def test_an_office_that_slips_all_day_long_is_never_paused(desk: Service, watch: Watch) -> None:
    async with open_browser(desk) as office:
        for number in range(3 * ADDRESS.free):
            expect_problem(await office.try_password(f"somebody{number}@example.com", WRONG), 401)
            watch.go_on(seconds=3_600 / ADDRESS.free)


async def test_of_many_tries_at_once_no_more_are_made_than_one_after_the_other(
    desk: Service, checks: list[int]
) -> None:
    ada = await hire(desk.pool)

    async def guess(number: int) -> int:
        async with open_browser(desk) as browser:
            return (await browser.try_password(ada.email, f"guess number {number}")).status_code

    codes = await asyncio.gather(*(guess(number) for number in range(40)))
    assert len(checks) == codes.count(401) == ACCOUNT.free + 1
    assert codes.count(429) == 40 - len(checks)


async def test_the_count_of_tries_holds_neither_address_nor_account(desk: Service) -> None:
    async with open_browser(desk, address="10.20.30.40") as browser:
        await browser.try_password("nobody@example.com", WRONG)
    async with desk.pool.acquire() as conn:
        rows = await conn.fetchval("SELECT jsonb_agg(t)::text FROM sign_in_tries t")
    assert "10.20.30.40" not in rows
    assert "nobody" not in rows


@pytest.mark.parametrize("path", ["/auth/login", "/auth/refresh", "/auth/logout"])
@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://desk.test.evil.example", "http://[", ""])
async def test_other_peoples_pages_sign_nobody_in_or_out(
    path: str, origin: str, desk: Service, browser: Browser
) -> None:
    ada = await hire(desk.pool)
    token = await browser.sign_in(ada.email)
    body = {"email": ada.email, "password": PASSWORD} if path == "/auth/login" else None
    response = await browser.client.post(path, json=body, headers={"Origin": origin})
    expect_problem(response, 403)
    assert "set-cookie" not in response.headers
    assert (await browser.read_me(token)).status_code == 200


async def test_our_own_pages_sign_in_and_out(settings: Settings, database_url: str) -> None:
    public = settings.model_copy(update={"api": ApiSettings(public_url="https://desk.example")})
    async with open_service(public, database_url) as desk, open_browser(desk, base_url="https://desk.test") as browser:
        ada = await hire(desk.pool)
        for origin in ("https://desk.test", "https://desk.example"):
            body = {"email": ada.email, "password": PASSWORD}
            response = await browser.client.post("/auth/login", json=body, headers={"Origin": origin})
            assert response.status_code == 200
            assert (await browser.client.post("/auth/logout", headers={"Origin": origin})).status_code == 204


@pytest.mark.parametrize(
    ("body", "blamed"),
    [
        ({"email": "ada", "password": PASSWORD}, {"email"}),
        ({"email": "ada@example.com"}, {"password"}),
        ({"email": "ada@example.com", "password": ""}, {"password"}),
        ({"email": "ada@example.com", "password": "x" * 1_001}, {"password"}),
        ({"email": "ada@example.com", "password": "\ud800"}, {"password"}),
        ({"email": "ada@example.com", "password": 123456789012}, {"password"}),
        ({"email": "ada@example.com", "password": PASSWORD, "role": "admin"}, {"role"}),
    ],
)
async def test_a_body_that_cannot_be_right_is_refused_and_never_repeated(
    body: dict[str, object], blamed: set[str], browser: Browser
) -> None:
    content = json.dumps(body)  # which spells half of a character, as a client can
    response = await browser.client.post("/auth/login", content=content, headers={"Content-Type": "application/json"})
    problem = expect_problem(response, 422)
    assert name_fields(problem) == blamed
    assert PASSWORD not in response.text


async def test_any_character_may_stand_in_a_password(browser: Browser) -> None:
    expect_problem(await browser.try_password("ada@example.com", "\0 and 😀 and " + "x" * 900), 401)


async def test_who_signs_in_is_a_person_and_a_key_is_not(desk: Service, browser: Browser) -> None:
    key = await issue_key(desk.pool, "admin")
    expect_problem(await browser.client.get("/auth/me", headers=bear(key)), 403)
    change = {"current": PASSWORD, "new": "eight otters at dinner"}
    expect_problem(await browser.client.post("/auth/password", json=change, headers=bear(key)), 403)
