"""A span for every request, and for what it sets going.

A `traceparent` that somebody sends is not believed: with it anybody on the internet could put their requests into each
other's traces, or have all of them recorded.
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.tracing import Span, Tracing

# Asked every few seconds, by machines, and always the same; a trace of each would hide all others.
_UNTRACED = frozenset({"/health", "/health/ready", "/metrics"})
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Traced:
    """Begins a span, names it by the template of its route once that is known, and tells how it was answered."""

    def __init__(self, app: ASGIApp, tracing: Tracing) -> None:
        self._app = app
        self._tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http" or scope["path"] in _UNTRACED or scope["path"].startswith("/assets/"):
            await self._app(scope, receive, send)
            return
        method = scope["method"] if scope["method"] in _METHODS else "_OTHER"  # anybody may invent a method
        is_answered = False

        async def send_and_note(message: Message) -> None:
            nonlocal is_answered
            if message["type"] == "http.response.start":
                is_answered = True
                _note_answer(span, scope, message["status"])
            await send(message)

        with self._tracing.trace(_name(method), "server", {"http.request.method": method}) as span:
            # A bug is logged and answered by a layer around this one.
            scope.setdefault("state", {})["trace_ids"] = span.ids
            try:
                await self._app(scope, receive, send_and_note)
            except Exception:
                if not is_answered:
                    _note_answer(span, scope, 500)
                raise


def _note_answer(span: Span, scope: Scope, status: int) -> None:
    route = getattr(scope.get("route"), "path", None)
    span.note({"http.response.status_code": status})
    if route is not None:
        span.rename(f"{_name(scope['method'])} {route}")
        span.note({"http.route": route})
    if status >= 500:
        span.fail(str(status))


def _name(method: str) -> str:
    return method if method in _METHODS else "HTTP"
