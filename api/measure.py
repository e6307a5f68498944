"""Measuring every request: by the template of its route, its status, and the time until its answer began."""

from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.telemetry import ApiTelemetry

UNMATCHED = "unmatched"


class Measured:
    """The outermost layer: what the others refuse is an answer, too."""

    def __init__(self, app: ASGIApp, telemetry: ApiTelemetry) -> None:
        self._app = app
        self._telemetry = telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = perf_counter()
        is_answered = False

        def note(status: int) -> None:
            route = getattr(scope.get("route"), "path", UNMATCHED)
            self._telemetry.note_request(scope["method"], route, status, perf_counter() - started)

        async def send_and_note(message: Message) -> None:
            nonlocal is_answered
            if message["type"] == "http.response.start":
                is_answered = True
                note(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        except Exception:
            if not is_answered:
                note(500)
            raise
