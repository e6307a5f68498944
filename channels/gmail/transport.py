"""HTTP for Google's client library that sends a request once, and says whether it can have been received."""

import http.client
from typing import Any

import httplib2

REQUEST_SECONDS = 10.0


class NotReached(Exception):
    """The request never left: no connection came about, or no token was to be had."""


class _SentOnce:
    """Tells a failed connection from a lost answer.

    httplib2 repeats a request whose connection closes without an answer. Gmail may have sent the mail by then, and
    the customer would get it twice; as an OSError the loss is passed on instead.
    """

    def connect(self) -> None:
        try:
            super().connect()  # type: ignore[misc]  # of the connection it is mixed into
        except (OSError, httplib2.HttpLib2Error) as error:
            raise NotReached(type(error).__name__) from error

    def getresponse(self) -> http.client.HTTPResponse:
        try:
            response: http.client.HTTPResponse = super().getresponse()  # type: ignore[misc]
        except http.client.HTTPException as error:
            raise ConnectionResetError(type(error).__name__) from error
        return response


class _PlainConnection(_SentOnce, httplib2.HTTPConnectionWithTimeout):  # type: ignore[misc]
    """For loopback."""


class _TlsConnection(_SentOnce, httplib2.HTTPSConnectionWithTimeout):  # type: ignore[misc]
    """For everything else."""


class OneTimeHttp(httplib2.Http):  # type: ignore[misc]
    """One per request: httplib2 is not thread-safe, and shared between threads it mixes up answers.

    https://googleapis.github.io/google-api-python-client/docs/thread_safety.html
    """

    def __init__(self, *, timeout: float = REQUEST_SECONDS) -> None:
        super().__init__(timeout=timeout)
        self.follow_redirects = False

    def request(self, uri: str, method: str = "GET", *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        """As httplib2's own, over connections that are used once."""
        kwargs["connection_type"] = _TlsConnection if uri.startswith("https:") else _PlainConnection
        try:
            return super().request(uri, method, *args, **kwargs)
        finally:
            self.close()
