"""What happens at the edge of every request: a name, a limit on what comes in, and headers on what goes out."""

from typing import TypedDict

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.headers import HSTS, NO_STORE, SECURITY_HEADERS
from api.problems import Problem, build_problem
from core.ids import new_id
from core.logging import bind_log_context
from database.types.jobs import MAX_UPLOAD_BYTES

# Meta sends batches of up to 3 MB. https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks
WEBHOOK_BYTES = 3 * 1024 * 1024
UPLOAD_PATH = "/knowledge/uploads"
_FORM_BYTES = 64 * 1024  # what a form may hold beside the file
_TOO_LARGE = "The request is larger than the {limit} KiB the server accepts."


class _Cors(TypedDict):
    allow_methods: list[str]
    allow_headers: list[str]
    expose_headers: list[str]


# Tokens and keys go in a header that a page sets itself. Never cookies: no other site may use a sign-in here.
CORS: _Cors = {
    "allow_methods": ["GET", "POST", "PUT", "PATCH", "DELETE"],
    "allow_headers": ["Authorization", "Content-Type", "Idempotency-Key", "Last-Event-ID", "X-API-Key"],
    "expose_headers": ["Retry-After", "X-Request-Id"],
}


class RequestIds:
    """Names each request, in the log, in the audit log and in the answer, so that they can be put together."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = new_id()
        scope.setdefault("state", {})["request_id"] = request_id

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["X-Request-Id"] = str(request_id)
            await send(message)

        with bind_log_context(request_id=str(request_id)):
            await self._app(scope, receive, send_with_id)


class SecurityHeaders:
    """Adds the headers, and says what may be cached: hashed assets for ever, everything else not at all.

    `is_shared` says that pages of other origins read answers, which then differ by who asks.
    """

    def __init__(self, app: ASGIApp, *, is_https: bool, is_shared: bool) -> None:
        self._app = app
        self._is_https = is_https
        self._headers = dict(SECURITY_HEADERS)
        if is_shared:
            self._headers |= {"Cross-Origin-Resource-Policy": "cross-origin", "Vary": "Origin"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_asset = scope["path"].startswith("/assets/")

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                if self._is_https or scope["scheme"] == "https":
                    headers["Strict-Transport-Security"] = HSTS
                found = is_asset and message["status"] in {200, 304}
                headers["Cache-Control"] = "public, max-age=31536000, immutable" if found else NO_STORE
            await send(message)

        await self._app(scope, receive, send_with_headers)


class BodyLimit:
    """Refuses bodies above a limit: by their announced length at once, otherwise while they are read."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._find_limit(scope["path"])
        detail = _TOO_LARGE.format(limit=limit // 1024)
        announced = Headers(scope=scope).get("content-length", "")
        if announced.isdigit() and int(announced) > limit:
            await build_problem(413, detail)(scope, receive, send)
            return
        received = 0

        async def receive_within_limit() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise Problem(413, detail)
            return message

        await self._app(scope, receive_within_limit, send)

    def _find_limit(self, path: str) -> int:
        if path.startswith("/webhooks/"):
            return WEBHOOK_BYTES
        return MAX_UPLOAD_BYTES + _FORM_BYTES if path == UPLOAD_PATH else self._max_bytes
