"""Sessions: they go on by themselves, end at once when they must, and a copied token ends them."""

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import jwt
import pytest

from api.tokens import _derive_key, make_refresh_token
from core.passwords import Passwords, hash_password
from database.queries.sessions import GRACE, Session, renew_signing_key
from database.queries.users import set_password
from database.types import SessionId
from tests.api.people import PASSWORD, Browser, Watch, bear, hire, open_browser
from tests.api.service import LOWEST_COST, NOW, SECRET_KEY, Service, expect_problem, name_fields

NEW = "eight otters at dinner"


async def test_an_access_token_ends_after_its_minutes_and_the_cookie_gets_the_next(
    desk: Service, browser: Browser, watch: Watch
) -> None:
    token = await browser.sign_in((await hire(desk.pool)).email)
    watch.go_on(minutes=14, seconds=59)
    assert (await browser.read_me(token)).status_code == 200
    watch.go_on(seconds=1)
    expect_problem(await browser.read_me(token), 401)
    renewed = await browser.refresh()
    assert renewed.json().keys() == {"access_token", "token_type", "expires_in"}
    assert (await browser.read_me(renewed.json()["access_token"])).status_code == 200


async def test_a_cookie_that_is_used_again_ends_the_session_of_whoever_copied_it_and_of_the_victim(
    desk: Service, browser: Browser, watch: Watch
) -> None:
    await browser.sign_in((await hire(desk.pool)).email)
    copied = browser.cookie
    token = (await browser.refresh()).json()["access_token"]
    kept = browser.cookie
    assert kept != copied
    watch.go_on(seconds=GRACE.total_seconds() + 1)
    async with open_browser(desk) as thief:
        expect_problem(await thief.refresh(copied), 401)
    expect_problem(await browser.refresh(kept), 401)
    expect_problem(await browser.read_me(token), 401)


async def test_two_tabs_that_refresh_at_once_get_the_same_cookie_and_stay_signed_in(
    desk: Service, browser: Browser, watch: Watch
) -> None:
    await browser.sign_in((await hire(desk.pool)).email)
    shared = browser.cookie
    cookies = []
    for _ in range(2):
        assert (await browser.refresh(shared)).status_code == 200
        cookies.append(browser.cookie)
        watch.go_on(seconds=GRACE.total_seconds())
    assert cookies[0] == cookies[1] != shared
    assert (await browser.refresh()).status_code == 200


async def test_a_cookie_from_two_refreshes_ago_is_a_copy_even_within_the_grace(desk: Service, browser: Browser) -> None:
    await browser.sign_in((await hire(desk.pool)).email)
    first = browser.cookie
    await browser.refresh()
    await browser.refresh()
    newest = browser.cookie
    expect_problem(await browser.refresh(first), 401)
    expect_problem(await browser.refresh(newest), 401)


async def test_one_device_that_is_signed_out_leaves_the_others_alone(
    desk: Service, browser: Browser, watch: Watch
) -> None:
    ada = await hire(desk.pool)
    token = await browser.sign_in(ada.email)
    cookie = browser.cookie
    async with open_browser(desk) as phone:
        other = await phone.sign_in(ada.email)
        assert (await browser.client.post("/auth/logout")).status_code == 204
        expect_problem(await browser.read_me(token), 401)
        expect_problem(await browser.refresh(cookie), 401)
        assert (await phone.read_me(other)).status_code == 200
        assert (await phone.refresh()).status_code == 200


@pytest.mark.parametrize("cookie", [None, "", "nonsense", "a.b.c", "." * 5_000, f"{uuid4().hex}.1.{'0' * 64}"])
async def test_signing_out_never_fails_and_nothing_else_refreshes(cookie: str | None, browser: Browser) -> None:
    headers = {} if cookie is None else {"Cookie": f"nightdesk_refresh={cookie}"}
    expect_problem(await browser.client.post("/auth/refresh", headers=headers), 401)
    response = await browser.client.post("/auth/logout", headers=headers)
    assert response.status_code == 204
    assert "max-age=0" in response.headers["set-cookie"].lower()


async def test_a_session_ends_after_its_days_however_often_it_was_renewed(
    desk: Service, browser: Browser, watch: Watch
) -> None:
    await browser.sign_in((await hire(desk.pool)).email)
    for _ in range(29):
        watch.go_on(days=1)
        assert (await browser.refresh()).status_code == 200
    watch.go_on(days=1, seconds=-1)
    renewed = await browser.refresh()
    assert "max-age=1;" in renewed.headers["set-cookie"].lower()
    last = browser.cookie
    watch.go_on(seconds=1)
    expect_problem(await browser.refresh(last), 401)
    expect_problem(await browser.read_me(renewed.json()["access_token"]), 401)


async def test_a_disabled_account_is_out_at_once_and_enabling_it_brings_back_no_session(
    desk: Service, browser: Browser
) -> None:
    ada, admin = await hire(desk.pool), await hire(desk.pool, "admin")
    token = await browser.sign_in(ada.email)
    async with open_browser(desk) as office:
        as_admin = bear(await office.sign_in(admin.email))
        for disabled in (True, False):
            change = {"disabled": disabled}
            response = await office.client.patch(f"/users/{ada.id}", json=change, headers=as_admin)
            assert response.json()["is_disabled"] is disabled
            expect_problem(await browser.read_me(token), 401)
            expect_problem(await browser.refresh(), 401)
    await browser.sign_in(ada.email)


async def test_another_role_counts_from_the_next_request_on(desk: Service, browser: Browser) -> None:
    admin, boss = await hire(desk.pool, "admin"), await hire(desk.pool, "admin")
    token = await browser.sign_in(admin.email)
    assert (await browser.client.get("/users", headers=bear(token))).status_code == 200
    async with open_browser(desk) as office:
        as_boss = bear(await office.sign_in(boss.email))
        await office.client.patch(f"/users/{admin.id}", json={"role": "agent"}, headers=as_boss)
    expect_problem(await browser.client.get("/users", headers=bear(token)), 403)
    assert (await browser.client.get("/agents", headers=bear(token))).status_code == 200


async def test_a_new_password_signs_out_everywhere_else(desk: Service, browser: Browser) -> None:
    ada = await hire(desk.pool)
    token = await browser.sign_in(ada.email)
    async with open_browser(desk) as phone:
        other = await phone.sign_in(ada.email)
        change = {"current": PASSWORD, "new": NEW}
        assert (await browser.client.post("/auth/password", json=change, headers=bear(token))).status_code == 204
        assert (await browser.read_me(token)).status_code == 200
        assert (await browser.refresh()).status_code == 200
        expect_problem(await phone.read_me(other), 401)
        expect_problem(await phone.refresh(), 401)
        expect_problem(await phone.try_password(ada.email, PASSWORD), 401)
        await phone.sign_in(ada.email, NEW)


@pytest.mark.parametrize(
    ("change", "blamed"),
    [
        ({"current": "not this one", "new": NEW}, "current"),
        ({"current": PASSWORD, "new": "password1234"}, "new"),
        ({"current": PASSWORD, "new": "short"}, "new"),
    ],
)
async def test_a_password_is_changed_by_its_owner_alone_and_to_a_strong_one(
    change: dict[str, str], blamed: str, desk: Service, browser: Browser
) -> None:
    token = await browser.sign_in((await hire(desk.pool)).email)
    response = await browser.client.post("/auth/password", json=change, headers=bear(token))
    assert name_fields(expect_problem(response, 422)) == {blamed}
    assert change["new"] not in response.text


async def test_a_password_that_an_admin_sets_meanwhile_is_not_changed_by_whoever_knew_the_old_one(
    desk: Service, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await hire(desk.pool)
    token = await browser.sign_in(ada.email)

    async def hash_late(_self: Passwords, password: str) -> str:
        async with desk.pool.acquire() as conn:
            await set_password(conn, ada.id, hash_password("nine herons before lunch", cost=LOWEST_COST))
        return hash_password(password, cost=LOWEST_COST)

    monkeypatch.setattr(Passwords, "hash", hash_late)
    change = {"current": PASSWORD, "new": NEW}
    expect_problem(await browser.client.post("/auth/password", json=change, headers=bear(token)), 422)
    expect_problem(await browser.try_password(ada.email, NEW), 401)
    await browser.sign_in(ada.email, "nine herons before lunch")


async def test_whoever_holds_a_token_cannot_guess_the_password_faster(desk: Service, browser: Browser) -> None:
    token = await browser.sign_in((await hire(desk.pool)).email)
    codes = []
    for _ in range(7):
        change = {"current": "not this one", "new": NEW}
        codes.append((await browser.client.post("/auth/password", json=change, headers=bear(token))).status_code)
    assert codes == [422] * 6 + [429]


async def test_a_new_signing_key_signs_nobody_out(desk: Service, browser: Browser) -> None:
    ada = await hire(desk.pool)
    before = await browser.sign_in(ada.email)
    async with desk.pool.acquire() as conn:
        await renew_signing_key(conn, days=0)
    after = (await browser.refresh()).json()["access_token"]
    assert jwt.get_unverified_header(before)["kid"] != jwt.get_unverified_header(after)["kid"]
    for token in (before, after):
        assert (await browser.read_me(token)).status_code == 200


async def test_a_key_goes_when_its_last_token_has_expired_and_signs_no_more(desk: Service, browser: Browser) -> None:
    token = await browser.sign_in((await hire(desk.pool)).email)
    async with desk.pool.acquire() as conn:
        await conn.execute("UPDATE signing_keys SET created_at = now() - interval '60 days'")
        assert await renew_signing_key(conn) is not None
        assert await renew_signing_key(conn) is None, "the newest is young"
        assert await conn.fetchval("SELECT count(*) FROM signing_keys") == 2
        assert (await browser.read_me(token)).status_code == 200
        await conn.execute("UPDATE signing_keys SET created_at = created_at - interval '25 hours'")
        await renew_signing_key(conn)
        assert await conn.fetchval("SELECT count(*) FROM signing_keys") == 1
    expect_problem(await browser.read_me(token), 401)


def encode(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def sign_again(key: str, algorithm: str = "HS256", **changes: Any) -> Callable[[dict[str, Any], dict[str, Any]], str]:
    """A token like a good one with claims changed, or left out where None, signed with this key."""

    def forge(header: dict[str, Any], claims: dict[str, Any]) -> str:
        kept = {name: value for name, value in (claims | changes).items() if value is not None}
        return jwt.encode(kept, key, algorithm, headers={"kid": header["kid"]})

    return forge


FORGERIES: dict[str, Callable[[dict[str, Any], dict[str, Any]], str]] = {
    "without a signature": lambda header, claims: f"{encode(header | {'alg': 'none'})}.{encode(claims)}.",
    "signed with the secret itself": sign_again(SECRET_KEY),
    "signed with an empty key": lambda header, claims: f"{encode(header)}.{encode(claims)}.{'A' * 43}",
    "with an unknown key id": lambda header, claims: f"{encode(header | {'kid': str(uuid4())})}.{encode(claims)}.AAAA",
    "with a key id that is none": lambda header, claims: f"{encode(header | {'kid': 7})}.{encode(claims)}.AAAA",
    "without a key id": lambda _, claims: f"{encode({'alg': 'HS256'})}.{encode(claims)}.AAAA",
    "of three dots": lambda *_: "...",
    "of two dots": lambda *_: "..",
    "of odd characters": lambda *_: "ä.\N{GRINNING FACE}.ß".encode().decode("latin-1"),
}


@pytest.mark.parametrize("name", FORGERIES)
async def test_a_forged_token_opens_nothing(name: str, desk: Service, browser: Browser) -> None:
    token = await browser.sign_in((await hire(desk.pool)).email)
    header = jwt.get_unverified_header(token)
    claims = jwt.decode(token, options={"verify_signature": False})
    forged = FORGERIES[name](header, claims)
    response = await browser.client.get("/auth/me", headers=[(b"Authorization", b"Bearer " + forged.encode("latin-1"))])
    expect_problem(response, 401)


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "elsewhere"},
        {"aud": "elsewhere"},
        {"iss": None},
        {"aud": None},
        {"exp": None},
        {"exp": "soon"},
        {"exp": int(NOW.timestamp())},
        {"sid": None},
        {"sid": "x"},
        {"sub": None},
        {"sub": str(uuid4())},
        {"sid": str(uuid4())},
    ],
)
async def test_a_token_that_we_signed_must_be_whole_and_of_this_session(
    changes: dict[str, Any], desk: Service, browser: Browser
) -> None:
    token = await browser.sign_in((await hire(desk.pool)).email)
    header = jwt.get_unverified_header(token)
    claims = jwt.decode(token, options={"verify_signature": False})
    key = _derive_key(SECRET_KEY, UUID(header["kid"]))
    good = sign_again(key)(header, claims)
    assert (await browser.read_me(good)).status_code == 200
    expect_problem(await browser.read_me(sign_again(key, **changes)(header, claims)), 401)


async def test_each_token_opens_only_its_own_door(desk: Service, browser: Browser) -> None:
    token = await browser.sign_in((await hire(desk.pool, "admin")).email)
    expect_problem(await browser.client.get("/users", headers={"X-API-Key": token}), 401)
    expect_problem(await browser.read_me(browser.cookie), 401)
    expect_problem(await browser.refresh(token), 401)
    for header in (bear(token), bear("nd_wrong")):
        expect_problem(await browser.client.get("/users", headers={**header, "X-API-Key": "nd_wrong"}), 401)


async def test_nothing_in_the_database_makes_a_token(desk: Service, browser: Browser) -> None:
    token = await browser.sign_in((await hire(desk.pool)).email)
    async with desk.pool.acquire() as conn:
        rows = await conn.fetch("SELECT to_jsonb(s)::text FROM sessions s UNION ALL SELECT id::text FROM signing_keys")
        session_id = await conn.fetchval("SELECT id FROM sessions")
    stored = " ".join(row[0] for row in rows)
    assert not any(part in stored for part in (*token.split("."), browser.cookie.split(".")[2]))
    guessed = Session(SessionId(session_id), (await hire(desk.pool)).id, 1, NOW, NOW + timedelta(days=1))
    expect_problem(await browser.refresh(make_refresh_token("another secret", guessed)), 401)
