"""Who may call what: ticket tokens for customers, API keys with scopes for staff and machines."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Depends, Path, Query
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from api.desk import DeskDep
from api.problems import Problem
from database.queries.operations import ApiKey, use_api_key

_bearer = HTTPBearer(auto_error=False, description="An API key, or on ticket routes the ticket's token.")
_key_header = APIKeyHeader(name="X-API-Key", auto_error=False, description="An API key.")
Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]

MAX_SECRET_CHARACTERS = 200
_ASK_FOR_KEY = {"WWW-Authenticate": "Bearer"}


def require_scope(scope: str) -> Callable[..., Coroutine[Any, Any, ApiKey]]:
    """A dependency that lets in API keys with this scope, or with `admin`, and nobody else."""

    async def check(desk: DeskDep, bearer: Bearer, header: Annotated[str | None, Depends(_key_header)]) -> ApiKey:
        given = header or (bearer.credentials if bearer else None)
        if not given:
            raise Problem(401, "An API key is required, as `Authorization: Bearer …`.", headers=_ASK_FOR_KEY)
        if len(given) > MAX_SECRET_CHARACTERS:
            raise Problem(401, "This API key is not valid.", headers=_ASK_FOR_KEY)
        async with desk.pool.acquire() as conn:
            key = await use_api_key(conn, given)
        if key is None:
            raise Problem(401, "This API key is not valid.", headers=_ASK_FOR_KEY)
        if not {scope, "admin"} & key.scopes:
            raise Problem(403, f"This API key lacks the scope {scope}.")
        return key

    return check


async def open_ticket(
    desk: DeskDep,
    ref: Annotated[str, Path(max_length=40, description="Such as TF-20261121-0001.")],
    bearer: Bearer,
    token: Annotated[str | None, Query(max_length=MAX_SECRET_CHARACTERS, description="The ticket's token.")] = None,
) -> str:
    """The reference of a ticket whose token was given. A wrong token and an unknown ticket look alike."""
    given = bearer.credentials if bearer else token
    if not given:
        raise Problem(401, "The ticket's token is required.", headers=_ASK_FOR_KEY)
    if not desk.opens_ticket(ref, given[:MAX_SECRET_CHARACTERS]):
        raise Problem(404, "There is no such ticket, or the link to it is not complete.")
    return ref


OpenTicket = Annotated[str, Depends(open_ticket)]
