"""Signing in and out. An access token is for the page's memory; what renews it stays in a cookie no script can read."""

from typing import Annotated, Literal
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from fastapi.security import APIKeyCookie
from pydantic import BaseModel, SecretStr

from api.access import ANYONE, SIGNED_IN, Caller
from api.audit import Audit, AuditDep
from api.desk import Desk, DeskDep
from api.limits import name_client
from api.problems import Problem, refuse_field
from api.schemas.base import Email, Password
from api.schemas.base import Request as RequestBody
from api.tokens import AccessToken, make_access_token, make_refresh_token, read_refresh_token
from core.logging import get_logger
from core.passwords import TooBusy, WeakPassword, require_strong
from database.pool import Conn
from database.queries import sessions, sign_ins, users
from database.queries.sessions import Session
from database.queries.users import Credentials, User
from database.types import SYSTEM, Actor, Role, SessionId, UserId

_log = get_logger(__name__)
router = APIRouter(prefix="/auth", tags=["auth"])

COOKIE = "nightdesk_refresh"
COOKIE_PATH = "/auth"
_cookie = APIKeyCookie(name=COOKIE, auto_error=False, description="The refresh token that signing in has set.")
RefreshCookie = Annotated[str | None, Depends(_cookie)]
Person = Annotated[Caller, Depends(SIGNED_IN)]

_ASK_TO_SIGN_IN = {"WWW-Authenticate": "Bearer"}
_WRONG = "The e-mail address or the password is not right."
_NOT_YOURS = "this is not your password"
_SIGNED_OUT = "You are not signed in any more; sign in again."


class SignIn(RequestBody):
    """Who signs in."""

    email: Email
    password: Password


class PasswordChange(RequestBody):
    """The password that is, and the one that shall be: at least 12 characters, and none that everybody would try."""

    current: Password
    new: Password


class Tokens(BaseModel):
    """An access token, and how many seconds it lives. The cookie that came along gets the next one."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105  # its kind, not a secret
    expires_in: int


class Me(BaseModel):
    """Who is signed in. The scope `admin` stands for every scope; a `user` has none, and a customer instead."""

    id: UUID
    email: str
    name: str
    role: Role
    scopes: list[str]
    customer_id: UUID | None


async def require_own_page(request: Request, desk: DeskDep) -> None:
    """Browsers say whose page sends a request, and other people's must not sign anybody in or out."""
    origin = request.headers.get("origin")
    if origin is None:
        return
    public_url = desk.settings.api.public_url
    own = {urlsplit(public_url).netloc if public_url else None, request.headers.get("host")}
    if origin.partition("://")[2] not in own:
        raise Problem(403, "This is for the desk's own pages.")


OWN_PAGE = Depends(require_own_page)


@router.post("/login", dependencies=[Depends(ANYONE), OWN_PAGE])
async def sign_in(body: SignIn, request: Request, response: Response, desk: DeskDep, audit: AuditDep) -> Tokens:
    """Sign in. After a few wrong passwords each try is followed by a pause: 429 says in Retry-After how long."""
    email, address = body.email.lower(), name_client(request)
    await _take_try(desk, (sign_ins.ADDRESS, address), (sign_ins.ACCOUNT, email))
    async with desk.pool.acquire() as conn:
        user = await users.find_credentials(conn, email)
    is_right = await _matches(desk, body.password, user)
    if user is None or not is_right:
        await _record_refusal(audit, user)
        raise Problem(401, _WRONG, headers=_ASK_TO_SIGN_IN)
    now = desk.clock()
    async with desk.pool.acquire() as conn, conn.transaction():
        if not await users.note_sign_in(conn, user, now):
            raise Problem(401, _WRONG, headers=_ASK_TO_SIGN_IN)
        await sign_ins.forgive_tries(conn, desk.secret_key, email, address, now=now)
        session = await sessions.open_session(conn, user.id, now=now, days=desk.settings.auth.session_days)
        tokens = await _hand_out(conn, desk, session)
        await audit.record_session(
            conn, "session.opened", "session", session.id, actor=Actor("user", user.id), customer_id=user.customer_id
        )
    _log.info("signed in", user_id=str(user.id), session_id=str(session.id))
    _set_cookie(desk, request, response, session)
    return tokens


@router.post("/refresh", dependencies=[Depends(ANYONE), OWN_PAGE])
async def refresh(
    cookie: RefreshCookie, request: Request, response: Response, desk: DeskDep, audit: AuditDep
) -> Tokens:
    """The next access token and the next cookie. A cookie that was used before ends the session: it was copied."""
    known = read_refresh_token(desk.secret_key, cookie) if cookie else None
    if known is None:
        raise Problem(401, _SIGNED_OUT, headers=_ASK_TO_SIGN_IN)
    await desk.limits.spend({"standard": str(known[0])})
    tokens = None
    async with desk.pool.acquire() as conn, conn.transaction():
        verdict, session = await sessions.refresh_session(conn, *known, now=desk.clock())
        if session is not None and verdict == "replayed":
            await _record_end(conn, audit, "session.replayed", session.id, session.user_id, actor=SYSTEM)
        elif session is not None:
            tokens = await _hand_out(conn, desk, session)
    if verdict == "replayed":
        _log.warning("a refresh token was used again; its session is revoked", session_id=str(known[0]))
    if session is None or tokens is None:  # after the commit: a replay counts
        raise Problem(401, _SIGNED_OUT, headers=_ASK_TO_SIGN_IN)
    _set_cookie(desk, request, response, session)
    return tokens


@router.post("/logout", status_code=204, dependencies=[Depends(ANYONE), OWN_PAGE])
async def sign_out(cookie: RefreshCookie, response: Response, desk: DeskDep, audit: AuditDep) -> None:
    """Sign out on this device. Its access token ends at once; whoever is not signed in is told the same."""
    known = read_refresh_token(desk.secret_key, cookie) if cookie else None
    if known is not None:
        async with desk.pool.acquire() as conn, conn.transaction():
            user_id = await sessions.revoke_session(conn, known[0], now=desk.clock())
            if user_id is not None:
                await _record_end(conn, audit, "session.ended", known[0], user_id, actor=Actor("user", user_id))
    response.delete_cookie(COOKIE, path=COOKIE_PATH, httponly=True, samesite="strict")


@router.get("/me")
async def read_me(caller: Person, desk: DeskDep) -> Me:
    """Who is signed in, and what they may do."""
    user = await _find_user(desk, caller)
    return Me(
        id=user.id,
        email=user.email,
        name=user.name,
        role=user.role,
        scopes=sorted(caller.scopes),
        customer_id=user.customer_id,
    )


@router.post("/password", status_code=204)
async def change_password(
    body: PasswordChange, caller: Person, request: Request, desk: DeskDep, audit: AuditDep
) -> None:
    """A new password. Signs out everywhere else."""
    user = await _find_user(desk, caller)
    address = name_client(request)
    await _take_try(desk, (sign_ins.ADDRESS, address), (sign_ins.ACCOUNT, user.email))
    async with desk.pool.acquire() as conn:
        credentials = await users.find_credentials(conn, user.email)
    is_right = await _matches(desk, body.current, credentials)
    if credentials is None or not is_right:
        await _record_refusal(audit, credentials)
        raise refuse_field("current", _NOT_YOURS)
    new = body.new.get_secret_value()
    try:
        require_strong(new, user.email)
    except WeakPassword as error:
        raise refuse_field("new", str(error)) from None
    new_hash = await desk.passwords.hash(new)
    now = desk.clock()
    async with desk.pool.acquire() as conn, conn.transaction():
        # Whoever lost their password to somebody is given another: the thief's change must not come after it.
        if not await users.set_password(conn, user.id, new_hash, old_hash=credentials.password_hash):
            raise refuse_field("current", _NOT_YOURS)
        await sign_ins.forgive_tries(conn, desk.secret_key, user.email, address, now=now)
        await sessions.revoke_sessions(conn, user.id, now=now, but=caller.session_id)
        await audit.record(conn, "user.password_changed", "user", user.id)


async def _take_try(desk: Desk, *counts: tuple[sign_ins.Patience, str]) -> None:
    for patience, subject in counts:
        async with desk.pool.acquire() as conn:
            wait = await sign_ins.take_try(conn, desk.secret_key, patience, subject, now=desk.clock())
        if wait is not None:
            detail = f"Too many tries; try again in {round(wait)} seconds."
            raise Problem(429, detail, headers={"Retry-After": str(round(wait))})


async def _matches(desk: Desk, password: SecretStr, credentials: Credentials | None) -> bool:
    known_hash = credentials.password_hash if credentials else None
    try:
        return await desk.passwords.matches(password.get_secret_value(), known_hash)
    except TooBusy:
        detail = "Too many people sign in at the moment; try again."
        raise Problem(503, detail, headers={"Retry-After": "5"}) from None


async def _hand_out(conn: Conn, desk: Desk, session: Session) -> Tokens:
    minutes = desk.settings.auth.access_minutes
    token = AccessToken(session.user_id, session.id, await sessions.find_signing_key(conn))
    access = make_access_token(desk.secret_key, token, now=desk.clock(), minutes=minutes)
    return Tokens(access_token=access, expires_in=minutes * 60)


def _set_cookie(desk: Desk, request: Request, response: Response, session: Session) -> None:
    public_url = desk.settings.api.public_url or ""
    response.set_cookie(
        COOKIE,
        make_refresh_token(desk.secret_key, session),
        max_age=round((session.expires_at - desk.clock()).total_seconds()),
        path=COOKIE_PATH,
        secure=request.url.scheme == "https" or public_url.startswith("https:"),
        httponly=True,
        samesite="strict",
    )


async def _find_user(desk: Desk, caller: Caller) -> User:
    async with desk.pool.acquire() as conn:
        user = await users.find_user(conn, UserId(caller.id))
    if user is None:
        raise Problem(401, "This account was removed.", headers=_ASK_TO_SIGN_IN)
    return user


async def _record_refusal(audit: Audit, tried: Credentials | None) -> None:
    """Also where there is no such account: answers that took longer for those that exist would tell who has one."""
    async with audit.desk.pool.acquire() as conn:
        await audit.record_session(
            conn,
            "session.refused",
            "user",
            tried.id if tried else None,
            actor=SYSTEM,
            customer_id=tried.customer_id if tried else None,
        )


async def _record_end(
    conn: Conn, audit: Audit, action: str, session_id: SessionId, user_id: UserId, *, actor: Actor
) -> None:
    user = await users.find_user(conn, user_id)
    customer_id = user.customer_id if user else None
    await audit.record_session(conn, action, "session", session_id, actor=actor, customer_id=customer_id)
