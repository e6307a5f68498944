"""Who may call what. Every route declares it with one of the four kinds of `Access`; a test finds those that do not.

Anyone; a vendor, whose signature the route checks; the holder of a ticket's token; or a caller who is known: a person
who signed in or a machine with an API key, each with scopes.
"""

from dataclasses import dataclass
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Depends, Path, Query, Request
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from api.desk import Desk, DeskDep
from api.problems import Problem
from database.queries.operations import use_api_key
from database.types import CustomerId, Scope

_bearer = HTTPBearer(
    auto_error=False, description="An access token, an API key, or on ticket routes the ticket's token."
)
_key_header = APIKeyHeader(name="X-API-Key", auto_error=False, description="An API key.")
Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
KeyHeader = Annotated[str | None, Depends(_key_header)]

MAX_SECRET_CHARACTERS = 2_000
_ASK_FOR_TOKEN = {"WWW-Authenticate": "Bearer"}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls. `customer_id` is of a customer who signed in: such a caller reaches only what is that customer's."""

    kind: Literal["user", "key"]
    id: UUID
    name: str
    scopes: frozenset[str]
    customer_id: CustomerId | None = None

    def has(self, scope: Scope) -> bool:
        """Whether this caller may do what the scope stands for."""
        return not self.scopes.isdisjoint({scope, "admin"})


@dataclass(frozen=True, slots=True)
class Access:
    """A route's declaration of who may call it, in words for people and tests."""

    audience: str


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
            raise Problem(404, "There is no such ticket, or the link to it is not complete.")
        return ref


TICKET_HOLDER = _TicketToken("holder of the ticket's token")
OpenTicket = Annotated[str, Depends(TICKET_HOLDER)]


@dataclass(frozen=True, slots=True)
class Allow(Access):
    """Lets in callers with `scope`, and with `own` also customers who signed in, for what is theirs."""

    scope: Scope
    own: bool

    async def __call__(self, request: Request, desk: DeskDep, bearer: Bearer, header: KeyHeader) -> Caller:
        """The caller. Raises Problem 401 without a valid token or key, and 403 without the scope."""
        caller = await identify(desk, header or (bearer.credentials if bearer else None))
        request.state.caller = caller
        if not caller.has(self.scope) and not (self.own and caller.customer_id is not None):
            raise Problem(403, f"This takes the scope {self.scope}, which you do not have.")
        return caller


def allow(scope: Scope, *, own: bool = False) -> Allow:
    """The declaration `Depends(allow("tickets:read"))` of a route; `own` opens it to customers who signed in."""
    return Allow(f"{scope}, own" if own else scope, scope, own)


async def identify(desk: Desk, given: str | None) -> Caller:
    """Whoever holds this access token or API key. Raises Problem 401."""
    if not given:
        raise Problem(
            401, "An access token or an API key is required, as `Authorization: Bearer …`.", headers=_ASK_FOR_TOKEN
        )
    if len(given) <= MAX_SECRET_CHARACTERS:
        async with desk.pool.acquire() as conn:
            key = await use_api_key(conn, given)
        if key is not None:
            return Caller("key", key.id, key.name, key.scopes)
    raise Problem(401, "This access token or API key is not valid.", headers=_ASK_FOR_TOKEN)
