"""Accounts: admins open and change them, the last admin stays, and customers get the customer they are."""

from uuid import uuid4

import httpx
import pytest

from database.queries.customers import resolve_customer
from database.types import Identity
from tests.api.people import PASSWORD, bear, hire, open_browser
from tests.api.service import Service, expect_problem, issue_key, name_fields


async def open_account(service: Service, **changes: object) -> httpx.Response:
    key = await issue_key(service.pool, "admin")
    body = {"email": f"{uuid4().hex}@example.com", "name": "Ada Byron", "role": "agent", "password": PASSWORD}
    return await service.client.post("/users", json=body | changes, headers={"X-API-Key": key})


async def change_account(service: Service, user_id: object, **changes: object) -> httpx.Response:
    key = await issue_key(service.pool, "admin")
    return await service.client.patch(f"/users/{user_id}", json=changes, headers={"X-API-Key": key})


async def test_an_opened_account_signs_in_and_its_password_is_shown_nowhere(fresh: Service) -> None:
    response = await open_account(fresh, email="Ada@Example.com")
    assert response.status_code == 201
    account = response.json()
    assert (account["email"], account["role"], account["is_disabled"]) == ("ada@example.com", "agent", False)
    assert account["last_sign_in_at"] is None
    assert PASSWORD not in response.text
    async with open_browser(fresh) as browser:
        await browser.sign_in("ada@example.com")
    async with fresh.pool.acquire() as conn:
        assert PASSWORD not in await conn.fetchval("SELECT to_jsonb(u)::text FROM users u")
        assert await conn.fetchval("SELECT last_sign_in_at IS NOT NULL FROM users")


async def test_an_address_has_one_account(fresh: Service) -> None:
    assert (await open_account(fresh, email="ada@example.com")).status_code == 201
    expect_problem(await open_account(fresh, email="ADA@example.com", role="user"), 409)
    async with fresh.pool.acquire() as conn:
        assert await conn.fetchval("SELECT count(*) FROM customers") == 0, "nothing is left of the second try"


@pytest.mark.parametrize(
    ("changes", "blamed"),
    [
        ({"password": "password1234"}, {"password"}),
        ({"password": "short"}, {"password"}),
        ({"email": "ada"}, {"email"}),
        ({"role": "owner"}, {"role"}),
        ({"name": ""}, {"name"}),
        ({"customer_id": str(uuid4())}, {"customer_id"}),
    ],
)
async def test_an_account_that_cannot_be_is_refused(
    changes: dict[str, object], blamed: set[str], service: Service
) -> None:
    assert name_fields(expect_problem(await open_account(service, **changes), 422)) == blamed


async def test_a_customers_account_is_of_whoever_has_proven_the_address(fresh: Service) -> None:
    async with fresh.pool.acquire() as conn:
        ada = Identity(kind="email", value="ada@example.com", level="proven", name="Ada")
        proven = await resolve_customer(conn, ada)
        typed = await resolve_customer(conn, ada.model_copy(update={"level": "self_reported"}))
    opened = (await open_account(fresh, email="ada@example.com", role="user")).json()
    assert opened["customer_id"] == str(proven) != str(typed)
    async with open_browser(fresh) as browser:
        me = (await browser.read_me(await browser.sign_in("ada@example.com"))).json()
    assert (me["role"], me["scopes"], me["customer_id"]) == ("user", [], str(proven))


async def test_a_customers_account_makes_the_customer_whom_their_next_mail_finds(fresh: Service) -> None:
    opened = (await open_account(fresh, email="new@example.com", role="user", name="Nina")).json()
    async with fresh.pool.acquire() as conn:
        found = await resolve_customer(conn, Identity(kind="email", value="new@example.com", level="proven"))
    assert opened["customer_id"] == str(found)


async def test_only_a_customer_has_a_customer_whatever_the_role_was_before(fresh: Service) -> None:
    ada = await hire(fresh.pool, "agent")
    as_customer = (await change_account(fresh, ada.id, role="user")).json()
    assert as_customer["customer_id"] is not None
    assert (await change_account(fresh, ada.id, role="agent")).json()["customer_id"] is None
    assert (await change_account(fresh, ada.id, role="user")).json() == as_customer


async def reset_password(service: Service, user_id: object, password: str) -> httpx.Response:
    key = await issue_key(service.pool, "admin")
    return await service.client.post(
        f"/users/{user_id}/password", json={"password": password}, headers={"X-API-Key": key}
    )


async def test_a_password_that_was_reset_signs_in_and_ends_what_the_old_one_opened(fresh: Service) -> None:
    ada = await hire(fresh.pool, "agent")
    async with open_browser(fresh) as browser:
        token = await browser.sign_in(ada.email)
        response = await reset_password(fresh, ada.id, "nine herons before lunch")
        assert (response.status_code, response.content) == (204, b"")
        assert (await browser.read_me(token)).status_code == 401
        assert (await browser.refresh()).status_code == 401
        assert (await browser.try_password(ada.email, PASSWORD)).status_code == 401
        await browser.sign_in(ada.email, "nine herons before lunch")
    async with fresh.pool.acquire() as conn:
        entry = await conn.fetchrow("SELECT object_id, after FROM audit_log WHERE action = 'user.password_changed'")
    assert entry is not None
    assert tuple(entry) == (str(ada.id), None)


async def test_a_weak_password_is_not_set_and_nobody_unknown_gets_one(fresh: Service) -> None:
    ada = await hire(fresh.pool, "agent")
    assert name_fields(expect_problem(await reset_password(fresh, ada.id, "password1234"), 422)) == {"password"}
    expect_problem(await reset_password(fresh, uuid4(), "nine herons before lunch"), 404)
    async with open_browser(fresh) as browser:
        await browser.sign_in(ada.email)


async def test_what_is_left_out_of_a_change_stays(fresh: Service) -> None:
    ada = await hire(fresh.pool, "agent", name="Ada")
    assert (await change_account(fresh, ada.id, name="Ada Byron")).json()["name"] == "Ada Byron"
    changed = (await change_account(fresh, ada.id, disabled=True)).json()
    assert (changed["name"], changed["role"], changed["is_disabled"]) == ("Ada Byron", "agent", True)
    assert (await change_account(fresh, ada.id)).json() == changed
    expect_problem(await change_account(fresh, uuid4(), name="Nobody"), 404)


@pytest.mark.parametrize("change", [{"role": "agent"}, {"role": "user"}, {"disabled": True}], ids=str)
async def test_the_last_admin_stays_one(change: dict[str, object], fresh: Service) -> None:
    ada = await hire(fresh.pool, "admin")
    retired = await hire(fresh.pool, "admin")
    assert (await change_account(fresh, retired.id, disabled=True)).status_code == 200
    expect_problem(await change_account(fresh, ada.id, **change), 409)
    assert (await change_account(fresh, ada.id, name="Ada")).json()["role"] == "admin"


async def test_accounts_are_listed_in_pages_the_newest_first(fresh: Service) -> None:
    hired = [str((await hire(fresh.pool)).id) for _ in range(5)]
    headers = {"X-API-Key": await issue_key(fresh.pool, "admin")}
    seen: list[str] = []
    page: dict[str, str | int] = {"limit": 2}
    while True:
        answer = (await fresh.client.get("/users", params=page, headers=headers)).json()
        seen += [account["id"] for account in answer["users"]]
        if answer["next"] is None:
            break
        page["before"] = answer["next"]
    assert seen == hired[::-1]
    assert "password" not in str(answer)


async def test_a_ticket_may_be_given_to_staff_who_can_sign_in(fresh: Service) -> None:
    ada = await hire(fresh.pool, "agent", name="Ada")
    bob = await hire(fresh.pool, "admin", email="bob@example.com")
    await hire(fresh.pool, "user")
    gone = await hire(fresh.pool, "agent")
    await change_account(fresh, gone.id, disabled=True)
    async with open_browser(fresh) as browser:
        headers = bear(await browser.sign_in(ada.email))
        answer = (await browser.client.get("/agents", headers=headers)).json()
    assert answer == {"agents": [{"id": str(ada.id), "name": "Ada"}, {"id": str(bob.id), "name": "bob@example.com"}]}


@pytest.mark.parametrize(("method", "path"), [("GET", "/users"), ("POST", "/users"), ("PATCH", f"/users/{uuid4()}")])
@pytest.mark.parametrize("role", ["agent", "user"])
async def test_accounts_are_for_admins(method: str, path: str, role: str, service: Service) -> None:
    who = await hire(service.pool, "agent" if role == "agent" else "user")
    async with open_browser(service) as browser:
        headers = bear(await browser.sign_in(who.email))
        expect_problem(await browser.client.request(method, path, json={}, headers=headers), 403)


async def test_a_customer_who_signed_in_reaches_nothing_of_the_staffs(service: Service) -> None:
    who = await hire(service.pool, "user")
    async with open_browser(service) as browser:
        headers = bear(await browser.sign_in(who.email))
        for path in ("/agents", "/keys", "/deliveries", "/notices", f"/conversations/{uuid4()}", "/health/detailed"):
            expect_problem(await browser.client.get(path, headers=headers), 403)
