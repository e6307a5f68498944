"""Who may call what. Every route declares it with one kind of `Access`; a test finds those that do not.

Anyone; a vendor, whose signature the route checks; the holder of a ticket's token; or a caller who is known: a person
who signed in or a machine with an API key, each with scopes; or a person alone, whatever their scopes.
"""

from dataclasses import dataclass
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Depends, Path, Query, Request
from fastapi.dependencies.models import Dependant
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from api.desk import Desk, DeskDep
from api.limits import PolicyName, name_client
from api.problems import Problem
from api.tokens import TokenExpired, read_access_token
from database.queries.api_keys import KEY_PREFIX, use_api_key
from database.queries.sessions import find_signed_in
from database.types import ROLE_SCOPES, CustomerId, Scope, SessionId, Tier

_bearer = HTTPBearer(
    auto_error=False, description="An access token, an API key, or on ticket routes the ticket's token."
)
_key_header = APIKeyHeader(name="X-API-Key", auto_error=False, description="An API key.")
Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
KeyHeader = Annotated[str | None, Depends(_key_header)]

MAX_SECRET_CHARACTERS = 2_000
_ASK_FOR_TOKEN = {"WWW-Authenticate": "Bearer"}
_NOT_VALID = "This access token or API key is not valid."


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls. `customer_id` is of a customer who signed in: such a caller reaches only what is that customer's."""

    kind: Literal["user", "key"]
    id: UUID
    name: str
    scopes: frozenset[str]
    customer_id: CustomerId | None = None
    session_id: SessionId | None = None
    tier: Tier = "standard"

    @property
    def policy(self) -> PolicyName:
        """The limit on how often they may ask."""
        return "ticket" if self.customer_id is not None else self.tier

    def has(self, scope: Scope) -> bool:
        """Whether this caller may do what the scope stands for."""
        return not self.scopes.isdisjoint({scope, "admin"})


@dataclass(frozen=True, slots=True)
class Access:
    """A route's declaration of who may call it, in words for people and tests."""

    audience: str


def list_declarations(dependant: Dependant) -> set[Access]:
    """The declarations among the dependencies of a route, its router's included."""
    call: object = dependant.call
    below = {access for needed in dependant.dependencies for access in list_declarations(needed)}
    return below | {call} if isinstance(call, Access) else below


@dataclass(frozen=True, slots=True)
class Open(Access):
    """A route that asks for nothing here."""

    async def __call__(self) -> None:
        """Let everybody in."""


ANYONE = Open("anyone")
VENDOR = Open("vendor")  # the route checks the signature itself, over the bytes


@dataclass(frozen=True, slots=True)
class _TicketToken(Access):
    async def __call__(
        self,
        request: Request,
        desk: DeskDep,
        ref: Annotated[str, Path(max_length=40, description="Such as TF-20261121-0001.")],
        bearer: Bearer,
        token: Annotated[str | None, Query(max_length=MAX_SECRET_CHARACTERS, description="The ticket's token.")] = None,
    ) -> str:
        """The reference of a ticket whose token was given. A wrong token and an unknown ticket look alike."""
        given = bearer.credentials if bearer else token
        if not given:
            raise Problem(401, "The ticket's token is required.", headers=_ASK_FOR_TOKEN)
        if not desk.opens_ticket(ref, given[:MAX_SECRET_CHARACTERS]):
            await desk.limits.spend({"refused": name_client(request)})
            raise Problem(404, "There is no such ticket, or the link to it is not complete.")
        await desk.limits.spend({"ticket": ref})
        return ref


TICKET_HOLDER = _TicketToken("holder of the ticket's token")
OpenTicket = Annotated[str, Depends(TICKET_HOLDER)]


@dataclass(frozen=True, slots=True)
class Allow(Access):
    """Lets in callers with `scope`, and with `own` also customers who signed in, for what is theirs."""

    scope: Scope
    own: bool

    async def __call__(self, request: Request, desk: DeskDep, bearer: Bearer, header: KeyHeader) -> Caller:
        """The caller. Raises Problem 401 without a valid token or key, 403 without the scope, 429 where too often."""
        caller = await _admit(request, desk, bearer, header)
        if not caller.has(self.scope) and not (self.own and caller.customer_id is not None):
            raise lack(self.scope)
        return caller


def lack(scope: Scope) -> Problem:
    """The problem of a caller without this scope."""
    return Problem(403, f"This takes the scope {scope}, which you do not have.")


def allow(scope: Scope, *, own: bool = False) -> Allow:
    """The declaration `Depends(allow("tickets:read"))` of a route; `own` opens it to customers who signed in."""
    return Allow(f"{scope}, own" if own else scope, scope, own)


ADMIN = Depends(allow("admin"))


@dataclass(frozen=True, slots=True)
class _Person(Access):
    async def __call__(self, request: Request, desk: DeskDep, bearer: Bearer) -> Caller:
        """A person who signed in, with any role. Raises Problem 401 without a valid token, 403 for a machine, 429."""
        caller = await _admit(request, desk, bearer, None)
        if caller.kind != "user":
            raise Problem(403, "This is for people who signed in; an API key has no account.")
        return caller


SIGNED_IN = _Person("anyone who signed in")


class _Expired(Problem):
    """No guess, so it is not counted as one: told 429, its holder would not know that another token helps."""


async def identify(desk: Desk, bearer: HTTPAuthorizationCredentials | None, header: str | None) -> Caller:
    """Whoever holds this access token or API key. X-API-Key goes first and takes keys alone. Raises Problem 401."""
    given = header or (bearer.credentials if bearer else None)
    if not given:
        raise Problem(
            401, "An access token or an API key is required, as `Authorization: Bearer …`.", headers=_ASK_FOR_TOKEN
        )
    caller = None
    if given.startswith(KEY_PREFIX) and len(given) <= MAX_SECRET_CHARACTERS:
        caller = await _identify_machine(desk, given)
    elif not header and len(given) <= MAX_SECRET_CHARACTERS:
        caller = await _identify_person(desk, given)
    if caller is None:
        raise Problem(401, _NOT_VALID, headers=_ASK_FOR_TOKEN)
    return caller


async def recognise(
    request: Request, desk: Desk, bearer: HTTPAuthorizationCredentials | None, header: str | None
) -> Caller:
    """The same where the secret is given for the first time: a guess is counted. Raises Problem 401, and 429."""
    try:
        return await identify(desk, bearer, header)
    except Problem as problem:
        if (bearer or header) and not isinstance(problem, _Expired):
            await desk.limits.spend({"refused": name_client(request)})
        raise


async def _admit(
    request: Request, desk: Desk, bearer: HTTPAuthorizationCredentials | None, header: str | None
) -> Caller:
    """The caller, counted and noted for the audit log. Raises Problem 401, and 429 where too often."""
    caller = await recognise(request, desk, bearer, header)
    request.state.caller = caller
    await desk.limits.spend({caller.policy: str(caller.customer_id or caller.id)})
    return caller


async def _identify_machine(desk: Desk, given: str) -> Caller | None:
    async with desk.pool.acquire() as conn:
        key = await use_api_key(conn, given)
    return None if key is None else Caller("key", key.id, key.name, key.scopes, tier=key.tier)


async def _identify_person(desk: Desk, given: str) -> Caller | None:
    try:
        token = read_access_token(desk.secret_key, given, now=desk.clock())
    except TokenExpired:
        raise _Expired(401, _NOT_VALID, headers=_ASK_FOR_TOKEN) from None
    if token is None:
        return None
    async with desk.pool.acquire() as conn:
        person = await find_signed_in(conn, token.session_id, token.user_id, key_id=token.key_id, now=desk.clock())
    if person is None:
        return None
    return Caller("user", person.id, person.name, ROLE_SCOPES[person.role], person.customer_id, token.session_id)
