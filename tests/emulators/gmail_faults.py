"""What can go wrong between us and Google, one request at a time."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

FaultKind = Literal[
    "slow",  # waits, then does what was asked
    "error",  # refuses in Google's JSON, with `status` and `reason`
    "html",  # refuses with `status` and a page of HTML
    "refuse",  # hangs up without doing anything
    "drop",  # does it, then hangs up
    "stall",  # does it, then answers too late
    "garble",  # does it, then answers 200 with a page of HTML
    "lie",  # does it, then answers `status`
    "ok",  # nothing: lets one request pass
]


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. `retry_after` becomes the header; `before` and `after` let a test act around what is done."""

    kind: FaultKind
    status: int = 503
    reason: str = "backendError"
    message: str = "scripted"
    seconds: float = 0.5
    retry_after: str | None = None
    before: Callable[[], object] | None = None
    after: Callable[[], object] | None = None


@dataclass(slots=True)
class Faults:
    """Those that are planned, by operation (`messages.send`, `history.list`, `token` …), in order."""

    planned: dict[str, deque[Fault]] = field(default_factory=dict)

    def plan(self, operation: str, *faults: Fault) -> None:
        """Each is for one request."""
        self.planned.setdefault(operation, deque()).extend(faults)

    async def apply(self, operation: str, request: Request, do: Callable[[], Awaitable[Response]]) -> Response:
        """Answer a request, or spoil it as planned."""
        queue = self.planned.get(operation)
        fault = queue.popleft() if queue else Fault("ok")
        if fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
        elif fault.kind == "error":
            return refuse(fault.status, fault.reason, fault.message, retry_after=fault.retry_after)
        elif fault.kind == "html":
            return HTMLResponse("<html><title>Error</title><p>That’s all we know.</html>", fault.status)
        elif fault.kind == "refuse":
            return await _hang_up(request)
        if fault.before:
            fault.before()
        response = await do()
        if fault.after:
            fault.after()
        return await _spoil(fault, request, response)


async def _spoil(fault: Fault, request: Request, response: Response) -> Response:
    if fault.kind == "drop":
        return await _hang_up(request)
    if fault.kind == "stall":
        await asyncio.sleep(fault.seconds)
    if fault.kind == "garble":
        return HTMLResponse("<html>OK</html>")
    if fault.kind == "lie":
        return refuse(fault.status, fault.reason, fault.message)
    return response


def refuse(status: int, reason: str, message: str, *, retry_after: str | None = None) -> Response:
    """An error in the shape of Google's APIs."""
    error = {
        "code": status,
        "message": message,
        "errors": [{"message": message, "domain": "global", "reason": reason}],
        "status": {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 404: "NOT_FOUND"}.get(status, "UNKNOWN"),
    }
    return JSONResponse({"error": error}, status, {"retry-after": retry_after} if retry_after else {})


async def _hang_up(request: Request) -> Response:
    """Close the connection without a byte of an answer; uvicorn's request cycle knows its transport."""
    request.receive.__self__.transport.close()  # type: ignore[attr-defined]
    while (await request.receive())["type"] != "http.disconnect":
        pass
    return Response()
