"""Accounts, for admins; and for staff the names of those a ticket may be given to."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field, SecretStr

from api.access import ADMIN, allow
from api.audit import AuditDep
from api.desk import Desk, DeskDep
from api.problems import Problem, refuse_field
from api.schemas.base import Email, Name, Password
from api.schemas.base import Request as RequestBody
from core.passwords import WeakPassword, require_strong
from database.queries import sessions, users
from database.queries.users import User, describe_account
from database.types import Role, UserId

router = APIRouter(tags=["users"])

Before = Annotated[UUID | None, Query(description="`next` of the page before.")]
PageSize = Annotated[int, Query(ge=1, le=200)]


class UserView(BaseModel):
    """An account. One with the role `user` is a customer's, who sees their own tickets."""

    id: UUID
    email: str
    name: str
    role: Role
    customer_id: UUID | None
    is_disabled: bool
    created_at: datetime
    last_sign_in_at: datetime | None


class UserPage(BaseModel):
    """Accounts, the newest first; `next` gets the page after, and is null on the last."""

    users: list[UserView]
    next: UUID | None


class NewUser(RequestBody):
    """An account to open. The password is told to its owner by whoever opens it, and changed by its owner."""

    email: Email
    name: Name
    role: Role
    password: Password


class UserChange(RequestBody):
    """What shall be different; what is left out stays."""

    name: Name | None = None
    role: Role | None = None
    disabled: Annotated[bool | None, Field(description="True signs out everywhere and lets nobody in.")] = None


class NewPassword(RequestBody):
    """A password for somebody who has lost theirs. Whoever sets it tells it to its owner, who changes it."""

    password: Password


class AgentView(BaseModel):
    """Somebody who may be given a ticket."""

    id: UUID
    name: str


class Agents(BaseModel):
    """Everybody who may be given a ticket, by name."""

    agents: list[AgentView]


@router.get("/users", dependencies=[ADMIN])
async def list_users(desk: DeskDep, audit: AuditDep, before: Before = None, limit: PageSize = 50) -> UserPage:
    """All accounts, the newest first."""
    async with desk.pool.acquire() as conn:
        await audit.record_read(conn, "user.listed", "user", None)
        found = await users.list_users(conn, before=before, max_rows=limit)
    return UserPage(users=[_view(user) for user in found], next=found[-1].id if len(found) == limit else None)


@router.post("/users", status_code=201, dependencies=[ADMIN])
async def open_account(body: NewUser, desk: DeskDep, audit: AuditDep) -> UserView:
    """Open an account. For a customer, the one who has proven this address is found or made: the admin vouches."""
    email = body.email.lower()
    password_hash = await _hash(desk, body.password, email)
    async with desk.pool.acquire() as conn:
        try:
            async with conn.transaction():
                user = await users.add_user(
                    conn, email=email, name=body.name, role=body.role, password_hash=password_hash
                )
                await audit.record(conn, "user.opened", "user", user.id, after=describe_account(user))
        except users.EmailTaken:
            raise Problem(409, "Somebody has an account with this address.") from None
    return _view(user)


@router.patch("/users/{user_id}", dependencies=[ADMIN])
async def change_account(user_id: UUID, body: UserChange, desk: DeskDep, audit: AuditDep) -> UserView:
    """Change role or name, or disable the account. The last admin stays one."""
    async with desk.pool.acquire() as conn:
        try:
            async with conn.transaction():
                changed = await users.change_user(
                    conn,
                    UserId(user_id),
                    now=desk.clock(),
                    name=body.name,
                    role=body.role,
                    is_disabled=body.disabled,
                )
                if changed is None:
                    raise Problem(404, "There is no such account.")
                await audit.record(
                    conn,
                    "user.changed",
                    "user",
                    user_id,
                    before=describe_account(changed[0]),
                    after=describe_account(changed[1]) | {"is_renamed": changed[0].name != changed[1].name},
                )
        except users.LastAdmin:
            raise Problem(409, "This is the last admin; make somebody else one first.") from None
    return _view(changed[1])


@router.post("/users/{user_id}/password", status_code=204, dependencies=[ADMIN])
async def reset_password(user_id: UUID, body: NewPassword, desk: DeskDep, audit: AuditDep) -> None:
    """Set a password for somebody who has lost theirs. They are signed out everywhere."""
    async with desk.pool.acquire() as conn:
        user = await users.find_user(conn, UserId(user_id))
    if user is None:
        raise Problem(404, "There is no such account.")
    password_hash = await _hash(desk, body.password, user.email)
    async with desk.pool.acquire() as conn, conn.transaction():
        await users.set_password(conn, user.id, password_hash)
        await sessions.revoke_sessions(conn, user.id, now=desk.clock())
        await audit.record(conn, "user.password_changed", "user", user.id)


@router.get("/agents", dependencies=[Depends(allow("tickets:read"))])
async def list_agents(desk: DeskDep) -> Agents:
    """Everybody who may be given a ticket: agents and admins whose account is not disabled."""
    async with desk.pool.acquire() as conn:
        return Agents(agents=[AgentView(**row) for row in await users.list_agents(conn)])


async def _hash(desk: Desk, password: SecretStr, email: str) -> str:
    given = password.get_secret_value()
    try:
        require_strong(given, email)
    except WeakPassword as error:
        raise refuse_field("password", str(error)) from None
    return await desk.passwords.hash(given)


def _view(user: User) -> UserView:
    return UserView(
        id=user.id,
        email=user.email,
        name=user.name,
        role=user.role,
        customer_id=user.customer_id,
        is_disabled=user.disabled_at is not None,
        created_at=user.created_at,
        last_sign_in_at=user.last_sign_in_at,
    )
