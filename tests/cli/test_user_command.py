"""Accounts and keys from the command line."""

from collections.abc import AsyncIterator
from pathlib import Path

import bcrypt
import pytest

from core.passwords import Passwords
from database.pool import DbConnection, connect
from database.queries import api_keys, users
from tests.cli.command import assert_clear_error, run, run_cold

PASSWORD = "seven otters at breakfast"
EMAIL = "ada@example.com"


@pytest.fixture
async def desk(database_url: str) -> AsyncIterator[DbConnection]:
    conn = await connect(database_url, application="test")
    yield conn
    await conn.close()


def create(database_url: str, folder: Path, *options: str, email: str = EMAIL, password: str = PASSWORD) -> str:
    """Open an account and return what was printed."""
    result = run(
        "user", "create", "--email", email, "--password-stdin", *options,
        database_url=database_url, folder=folder, stdin=f"{password}\n",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


async def holds(conn: DbConnection, password: str) -> bool:
    """Whether the account's password is this one."""
    credentials = await users.find_credentials(conn, EMAIL)
    assert credentials is not None
    return await Passwords().matches(password, credentials.password_hash)


async def test_the_first_admin_is_opened_and_their_password_is_hashed_slowly(
    desk: DbConnection, database_url: str, tmp_path: Path
) -> None:
    printed = create(database_url, tmp_path, "--role", "admin", "--name", "Ada Byron", email="Ada@example.com")
    assert printed == f"admin {EMAIL} can sign in"
    row = await desk.fetchrow("SELECT email, name, role, password_hash FROM users")
    assert row is not None
    assert (row["email"], row["name"], row["role"]) == (EMAIL, "Ada Byron", "admin")
    assert row["password_hash"].startswith("$2b$12$")
    assert len(bcrypt.gensalt(12)) < len(row["password_hash"])
    assert await holds(desk, PASSWORD)


async def test_a_customer_gets_the_customer_of_their_proven_address(
    desk: DbConnection, database_url: str, tmp_path: Path
) -> None:
    create(database_url, tmp_path, "--role", "user")
    held = "SELECT i.level FROM users u JOIN customer_identifiers i USING (customer_id) WHERE i.value = u.email"
    assert await desk.fetchval(held) == "proven"


@pytest.mark.parametrize(
    ("password", "expected"),
    [("short", "too weak"), ("password1234", "too weak"), ("", "too weak"), ("x" * 1_001, "longer than 1000")],
)
def test_a_password_that_would_be_guessed_opens_no_account(
    password: str, expected: str, database_url: str, tmp_path: Path
) -> None:
    result = run(
        "user", "create", "--email", EMAIL, "--role", "admin", "--password-stdin",
        database_url=database_url, folder=tmp_path, stdin=f"{password}\n",
    )  # fmt: skip
    assert_clear_error(result, expected)


async def test_an_account_is_listed_disabled_enabled_and_given_another_password(
    desk: DbConnection, database_url: str, tmp_path: Path
) -> None:
    assert "No accounts" in run("user", "list", database_url=database_url, folder=tmp_path).stdout
    create(database_url, tmp_path, "--role", "agent")
    again = run(
        "user", "create", "--email", EMAIL, "--role", "user", "--password-stdin",
        database_url=database_url, folder=tmp_path, stdin=PASSWORD,
    )  # fmt: skip
    assert_clear_error(again, "has an account already")
    listed = run("user", "list", database_url=database_url, folder=tmp_path).stdout
    assert EMAIL in listed
    assert "$2b$" not in listed
    assert run("user", "disable", EMAIL, database_url=database_url, folder=tmp_path).returncode == 0
    assert await desk.fetchval("SELECT disabled_at IS NOT NULL FROM users")
    assert run("user", "enable", EMAIL, database_url=database_url, folder=tmp_path).returncode == 0
    assert await desk.fetchval("SELECT disabled_at IS NULL FROM users")
    new = "eight otters at dinner"
    changed = run(
        "user", "password", EMAIL, "--password-stdin", database_url=database_url, folder=tmp_path, stdin=f"{new}\n"
    )
    assert changed.returncode == 0, changed.stderr
    assert await holds(desk, new)


def test_the_last_admin_is_not_disabled_and_an_unknown_account_is_said_to_be(database_url: str, tmp_path: Path) -> None:
    create(database_url, tmp_path, "--role", "admin")
    result = run("user", "disable", EMAIL, database_url=database_url, folder=tmp_path)
    assert_clear_error(result, "the last admin")
    result = run("user", "disable", "bob@example.com", database_url=database_url, folder=tmp_path)
    assert_clear_error(result, "there is no account bob@example.com")


async def test_a_new_signing_key_is_made_at_once(desk: DbConnection, database_url: str, tmp_path: Path) -> None:
    for made in (2, 3):
        assert run_cold("user", "rotate-keys", database_url=database_url, folder=tmp_path).returncode == 0
        assert await desk.fetchval("SELECT count(*) FROM signing_keys") == made


async def test_keys_are_made_with_tier_and_end_listed_and_revoked(
    desk: DbConnection, database_url: str, tmp_path: Path
) -> None:
    assert "No API keys" in run("key", "list", database_url=database_url, folder=tmp_path).stdout
    options = ("--scope", "metrics:read", "--tier", "high", "--days", "30")
    key = run("key", "create", "grafana", *options, database_url=database_url, folder=tmp_path).stdout.strip()
    (listed,) = await api_keys.list_api_keys(desk, max_rows=10)
    assert (listed["tier"], listed["scopes"]) == ("high", ["metrics:read"])
    assert listed["expires_at"] is not None
    shown = run("key", "list", database_url=database_url, folder=tmp_path).stdout
    assert "grafana" in shown
    assert key not in shown
    assert run("key", "revoke", str(listed["id"]), database_url=database_url, folder=tmp_path).returncode == 0
    assert await api_keys.use_api_key(desk, key) is None
    unknown = run("key", "revoke", "00000000-0000-0000-0000-000000000000", database_url=database_url, folder=tmp_path)
    assert_clear_error(unknown, "there is no key")
