"""Every error as RFC 9457 problem details."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, cast

import asyncpg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from api.headers import NO_STORE, SECURITY_HEADERS
from core.logging import RareLog, get_logger
from database.patience import is_passing
from database.pool import DATABASE_ERRORS
from database.readiness import DatabaseState

_log = get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
INVALID = "The request is not valid; see errors for each field."


class Problem(HTTPException):
    """An error with a title and a detail that say what happened and what to do."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        errors: Sequence[dict[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, detail, dict(headers or {}))
        self.errors = list(errors)


def refuse_field(field: str, message: str) -> Problem:
    """The problem 422 of one field that only the route itself could check."""
    return Problem(422, INVALID, errors=[{"field": field, "message": message}])


def install_problem_handlers(app: FastAPI) -> None:
    """Answer every kind of failure with a problem document."""
    app.add_exception_handler(HTTPException, _answer_http_error)
    app.add_exception_handler(RequestValidationError, _answer_invalid_request)
    answer_database_error = _answer_database_errors(RareLog(_log))
    for error in DATABASE_ERRORS:
        app.add_exception_handler(error, answer_database_error)
    app.add_exception_handler(Exception, _answer_bug)


def build_problem(
    status: int,
    detail: str,
    *,
    errors: Sequence[dict[str, str]] = (),
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """The response for one problem."""
    content: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if errors:
        content["errors"] = list(errors)
    return JSONResponse(content, status, headers=headers, media_type=MEDIA_TYPE)


async def _answer_http_error(_request: Request, error: Exception) -> JSONResponse:
    error = cast("HTTPException", error)
    errors = error.errors if isinstance(error, Problem) else ()
    detail = _DETAILS.get(error.status_code) if error.detail == HTTPStatus(error.status_code).phrase else None
    return build_problem(error.status_code, detail or str(error.detail), errors=errors, headers=error.headers)


_DETAILS = {
    404: "There is nothing at this address.",
    405: "This address does not take this method.",
}


async def _answer_invalid_request(_request: Request, error: Exception) -> JSONResponse:
    error = cast("RequestValidationError", error)
    errors = [{"field": _name_field(item["loc"]), "message": _explain(item)} for item in error.errors()[:20]]
    return build_problem(422, INVALID, errors=errors)


def _name_field(location: Sequence[int | str]) -> str:
    """The bare name of a field; the place (body, query, header) is clear to whoever sent it."""
    parts = location[1:] if location[0] in {"body", "query", "path", "header"} else location
    return ".".join(map(str, parts)) or str(location[0])


def _explain(item: Mapping[str, Any]) -> str:
    message = str(item["msg"]).removeprefix("Value error, ")
    return "The body is not valid JSON." if item["type"] == "json_invalid" else message


# Not "nothing was stored": where the connection broke in the middle of the commit, nobody knows.
_OUTAGE = (
    "The desk cannot use its database at the moment. Try again: under the same Idempotency-Key, what may have been "
    "stored is not stored twice."
)


def _answer_database_errors(outage_log: RareLog) -> Callable[[Request, Exception], Awaitable[JSONResponse]]:
    async def answer(request: Request, error: Exception) -> JSONResponse:
        if not is_passing(error) and not await _is_early(request, error):
            return await _answer_bug(request, error)
        outage_log.warning("database not available", error=type(error).__name__)
        return build_problem(503, _OUTAGE, headers={"Retry-After": "2"})

    return answer


async def _is_early(request: Request, error: Exception) -> bool:
    """Whether this process was only started before the migration of its version."""
    if not isinstance(error, asyncpg.UndefinedTableError | asyncpg.UndefinedColumnError):
        return False
    state: DatabaseState = await request.app.state.desk.readiness.read()
    return state == "old_schema"


async def _answer_bug(request: Request, error: Exception) -> JSONResponse:
    route = request.scope.get("route")
    # This answer is made outside the middleware that names and guards all others.
    request_id = str(request.state.request_id)
    ids = {"request_id": request_id, **getattr(request.state, "trace_ids", {})}
    _log.error("unhandled error", route=getattr(route, "path", None), **ids, exc_info=error)
    guards = {**SECURITY_HEADERS, "Cache-Control": NO_STORE, "X-Request-Id": request_id}
    return build_problem(500, "Something went wrong on our side. It has been logged.", headers=guards)
