"""Accounts of people who sign in."""

import sys
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer
from pydantic import EmailStr, TypeAdapter, ValidationError
from rich.console import Console

from cli.context import CommandError, build_table, format_time, note, open_database, prepare, run_on
from core.clock import read_system_clock
from core.passwords import MAX_CHARACTERS, WeakPassword, hash_password, require_strong
from core.settings import Settings
from database.pool import Conn
from database.queries import sessions, users
from database.queries.users import User, describe_account
from database.types import ROLE_SCOPES, Role

app = typer.Typer(help="Accounts of people who sign in.", no_args_is_help=True)

_SHOWN_ROWS = 1_000

T = TypeVar("T")
Address = Annotated[str, typer.Argument(help="The account's e-mail address.")]
FromInput = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]


@app.command("create")
def create_user(
    email: Annotated[str, typer.Option(help="The address to sign in with.")],
    role: Annotated[str, typer.Option(help=f"One of: {', '.join(ROLE_SCOPES)}.")],
    name: Annotated[str, typer.Option(help="The name that others see.")] = "",
    password_stdin: FromInput = False,
) -> None:
    """Open an account. One of a customer sees the tickets of whoever has proven this address: you vouch for it."""
    address, chosen = _require_address(email), _require_role(role)
    password_hash = hash_password(_ask_password(address, from_input=password_stdin))

    async def add(conn: Conn, settings: Settings) -> User:
        async with conn.transaction():
            user = await users.add_user(
                conn, email=address, name=name.strip(), role=chosen, password_hash=password_hash
            )
            await note(conn, settings, "user.opened", "user", user.id, after=describe_account(user))
            return user

    try:
        user = _run(add)
    except users.EmailTaken:
        raise CommandError(f"{address} has an account already; `nightdesk user list` shows it") from None
    typer.echo(f"{user.role} {user.email} can sign in")


@app.command("list")
def list_accounts() -> None:
    """Every account, the newest first."""
    found = _run(lambda conn, _settings: users.list_users(conn, max_rows=_SHOWN_ROWS))
    if not found:
        typer.echo("No accounts; `nightdesk user create --role admin --email …` opens the first.")
        return
    rows = [
        {
            "email": user.email,
            "name": user.name,
            "role": user.role,
            "disabled": user.disabled_at is not None,
            "created": format_time(user.created_at),
            "last sign-in": format_time(user.last_sign_in_at),
        }
        for user in found
    ]
    Console().print(build_table("Accounts", rows))


@app.command("disable")
def disable_user(email: Address) -> None:
    """Let somebody in no more. They are signed out everywhere at once."""
    _set_disabled(email, is_disabled=True)
    typer.echo("disabled, and signed out everywhere")


@app.command("enable")
def enable_user(email: Address) -> None:
    """Let somebody in again."""
    _set_disabled(email, is_disabled=False)
    typer.echo("enabled")


@app.command("password")
def set_password(email: Address, password_stdin: FromInput = False) -> None:
    """Give an account another password. Its owner is signed out everywhere."""
    address = _require_address(email)
    password_hash = hash_password(_ask_password(address, from_input=password_stdin))

    async def change(conn: Conn, settings: Settings) -> None:
        async with conn.transaction():
            user = await _find(conn, address)
            await users.set_password(conn, user.id, password_hash)
            await sessions.revoke_sessions(conn, user.id, now=read_system_clock())
            await note(conn, settings, "user.password_changed", "user", user.id)

    _run(change)
    typer.echo("the password is changed")


@app.command("rotate-keys")
def rotate_keys() -> None:
    """Sign access tokens with a new key. Nobody is signed out; the worker does this by itself every 30 days."""

    async def renew(conn: Conn, settings: Settings) -> None:
        async with conn.transaction():
            key_id = await sessions.renew_signing_key(conn, days=0)
            await note(conn, settings, "signing_key.renewed", "signing_key", key_id)

    _run(renew)
    typer.echo("a new key signs from now on; earlier ones go when their last token has expired")


def _set_disabled(email: str, *, is_disabled: bool) -> None:
    async def change(conn: Conn, settings: Settings) -> None:
        async with conn.transaction():
            user = await _find(conn, _require_address(email))
            changed = await users.change_user(conn, user.id, now=read_system_clock(), is_disabled=is_disabled)
            before, after = map(describe_account, changed or (user, user))
            await note(conn, settings, "user.changed", "user", user.id, before=before, after=after)

    try:
        _run(change)
    except users.LastAdmin:
        raise CommandError("this is the last admin; make somebody else one first") from None


async def _find(conn: Conn, address: str) -> User:
    user = await users.find_user_by_email(conn, address)
    if user is None:
        raise CommandError(f"there is no account {address}; `nightdesk user list` shows them")
    return user


def _ask_password(address: str, *, from_input: bool) -> str:
    given = (
        sys.stdin.readline().rstrip("\r\n")
        if from_input
        else typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    )
    password = str(given)
    if len(password) > MAX_CHARACTERS:
        raise CommandError(f"the password is longer than {MAX_CHARACTERS} characters")
    try:
        require_strong(password, address)
    except WeakPassword as error:
        raise CommandError(f"the password is too weak: {error}") from None
    return password


def _require_address(email: str) -> str:
    try:
        return TypeAdapter(EmailStr).validate_python(email).lower()
    except ValidationError:
        raise CommandError(f"{email} is not an e-mail address such as ada@example.com") from None


def _require_role(given: str) -> Role:
    for role in ROLE_SCOPES:
        if role == given:
            return role
    raise CommandError(f"unknown role {given}; expected {', '.join(ROLE_SCOPES)}")


def _run(work: Callable[[Conn, Settings], Awaitable[T]]) -> T:
    settings = prepare("user", is_quiet=True)
    with open_database(settings) as url:
        return run_on(url, lambda conn: work(conn, settings))
