"""A mail server on loopback (aiosmtpd) that takes mail, counts it, and misbehaves when it is told to.

    python -m tests.emulators.smtp PORT CONTROL_PORT

serves SMTP on PORT, without TLS, to USER with PASSWORD and to those who do not sign in, and HTTP on CONTROL_PORT:

    POST   /_control/faults   {"stage": "RCPT", "answer": "451 4.7.1 later", "accepts": false, "times": 1}
    DELETE /_control/faults   forget those that have not happened yet
    GET    /_inspect/mails    every mail that was accepted: sender, recipients, message_id, reply_id, text
    GET    /_inspect/counts   {"connections": …, "accepted": …, "faults_left": …}

A fault happens at the next command of its stage (AUTH, MAIL, RCPT or DATA), once for each of `times`. Its answer is
what the server says instead, or, not at AUTH, `stall` (says nothing) or `drop` (resets the connection). With `accepts`,
a fault at DATA comes after the mail was taken: the mail counts as accepted, whatever the client hears.
"""

import asyncio
import email
import ssl
import sys
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from email.policy import default
from threading import Thread
from typing import Any, Literal
from weakref import WeakSet

import uvicorn
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from channels.mail.compose import REPLY_HEADER

Stage = Literal["AUTH", "MAIL", "RCPT", "DATA"]

USER = "support@example.com"
PASSWORD = 'se"cr\\et'
MAX_BYTES = 1_000_000
QUEUED = "250 2.0.0 Ok: queued as 4F9K2X"


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong, once."""

    stage: Stage
    answer: str
    accepts: bool = False


@dataclass(frozen=True, slots=True)
class AcceptedMail:
    """A mail as it was taken, with its envelope."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes

    def describe(self) -> dict[str, object]:
        """What a count needs to know of it."""
        mail = email.message_from_bytes(self.content, policy=default)
        return {
            "sender": self.sender,
            "recipients": self.recipients,
            "message_id": mail["Message-ID"],
            "reply_id": mail[REPLY_HEADER],
            "text": mail.get_content() if mail.get_content_type() == "text/plain" else "",
        }


@dataclass(slots=True)
class SmtpServer:
    """The server's memory. With `needs_sign_in`, mail is taken from those who are signed in only.

    `sign_ins` says of each attempt whether the password was right.
    """

    port: int = 0
    needs_sign_in: bool = False
    offers_sign_in: bool = True
    connections: int = 0
    accepted: list[AcceptedMail] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    sign_ins: list[bool] = field(default_factory=list)
    transports: WeakSet[asyncio.BaseTransport] = field(default_factory=WeakSet)
    handlers: set[asyncio.Task[Any]] = field(default_factory=set)

    def fail(self, stage: Stage, answer: str, *, accepts: bool = False, times: int = 1) -> None:
        """Arrange a fault."""
        self.faults += [Fault(stage, answer, accepts)] * times

    async def handle_EHLO(  # noqa: N802
        self, server: Any, session: Session, _envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        """Greet. aiosmtpd offers AUTH with an empty list where it has no mechanism left."""
        session.host_name = hostname
        self.transports.add(server.transport)
        return [line for line in responses if self.offers_sign_in or "AUTH" not in line]

    async def handle_MAIL(  # noqa: N802
        self, server: Any, session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Take a sender."""
        if self.needs_sign_in and not session.authenticated:
            return "530 5.7.0 Authentication required"
        if fault := self._take_fault("MAIL"):
            return await _misbehave(fault, server)
        envelope.mail_from = address
        return "250 2.1.0 Ok"

    async def handle_RCPT(  # noqa: N802
        self, server: Any, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Take a recipient."""
        if fault := self._take_fault("RCPT"):
            return await _misbehave(fault, server)
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server: Any, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Take the mail."""
        fault = self._take_fault("DATA")
        if fault is None or fault.accepts:
            content = envelope.original_content
            assert content is not None
            assert envelope.mail_from is not None
            self.accepted.append(AcceptedMail(envelope.mail_from, tuple(envelope.rcpt_tos), content))
        return await _misbehave(fault, server) if fault else QUEUED

    def check_sign_in(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        """Whether these are USER and PASSWORD."""
        if fault := self._take_fault("AUTH"):
            return AuthResult(success=False, handled=False, message=fault.answer)
        is_right = isinstance(data, LoginPassword) and data == LoginPassword(USER.encode(), PASSWORD.encode())
        self.sign_ins.append(is_right)
        return AuthResult(success=is_right, handled=False)

    def _take_fault(self, stage: Stage) -> Fault | None:
        found = next((fault for fault in self.faults if fault.stage == stage), None)
        if found:
            self.faults.remove(found)
        return found


class _Connection(SMTP):
    """One that the server can end together with itself."""

    async def _handle_client(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        assert isinstance(self.event_handler, SmtpServer)
        self.event_handler.handlers.add(task)
        task.add_done_callback(self.event_handler.handlers.discard)
        await super()._handle_client()


async def _misbehave(fault: Fault, server: SMTP) -> str:
    if fault.answer == "stall":
        await asyncio.Event().wait()  # until the client gives up and the server's own task is cancelled
    if fault.answer == "drop":
        assert isinstance(server.transport, asyncio.WriteTransport)
        server.transport.abort()
    return fault.answer


@asynccontextmanager
async def run_smtp(
    *,
    port: int = 0,
    starttls: ssl.SSLContext | None = None,
    tls: ssl.SSLContext | None = None,
    needs_sign_in: bool = False,
    offers_sign_in: bool = True,
) -> AsyncIterator[SmtpServer]:
    """A server for the length of the block. With `starttls` or `tls` it takes nothing that is not encrypted so."""
    state = SmtpServer(needs_sign_in=needs_sign_in, offers_sign_in=offers_sign_in)
    loop = asyncio.get_running_loop()

    def accept() -> SMTP:
        state.connections += 1
        return _Connection(
            state,
            hostname="mail.example.com",
            data_size_limit=MAX_BYTES,
            tls_context=starttls,
            require_starttls=starttls is not None,
            auth_require_tls=False,
            authenticator=state.check_sign_in,
            loop=loop,
        )

    server = await loop.create_server(accept, "127.0.0.1", port, ssl=tls)
    state.port = server.sockets[0].getsockname()[1]
    try:
        yield state
    finally:
        server.close()
        for transport in list(state.transports):
            if isinstance(transport, asyncio.WriteTransport):
                transport.abort()
        await server.wait_closed()
        handlers = list(state.handlers)
        for handler in handlers:
            handler.cancel()
        await asyncio.gather(*handlers, return_exceptions=True)


@contextmanager
def run_smtp_aside() -> Iterator[SmtpServer]:
    """The same on a loop of its own, so that no other work of this process makes it slow."""
    started: Future[tuple[SmtpServer, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def serve_until_told() -> None:
        end = asyncio.Event()
        async with run_smtp() as state:
            started.set_result((state, asyncio.get_running_loop(), end))
            await end.wait()

    thread = Thread(target=lambda: asyncio.run(serve_until_told()), name="smtp", daemon=True)
    thread.start()
    state, loop, end = started.result()
    try:
        yield state
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join()


def build_control(state: SmtpServer) -> Starlette:
    """The HTTP side: faults in, counts out."""

    async def add_faults(request: Request) -> Response:
        wanted = await request.json()
        state.fail(
            wanted["stage"], wanted["answer"], accepts=wanted.get("accepts", False), times=wanted.get("times", 1)
        )
        return Response(status_code=204)

    async def forget_faults(_request: Request) -> Response:
        state.faults.clear()
        return Response(status_code=204)

    async def list_mails(_request: Request) -> Response:
        return JSONResponse([mail.describe() for mail in state.accepted])

    async def count(_request: Request) -> Response:
        return JSONResponse(
            {"connections": state.connections, "accepted": len(state.accepted), "faults_left": len(state.faults)}
        )

    return Starlette(
        routes=[
            Route("/_control/faults", add_faults, methods=["POST"]),
            Route("/_control/faults", forget_faults, methods=["DELETE"]),
            Route("/_inspect/mails", list_mails),
            Route("/_inspect/counts", count),
        ]
    )


async def serve(port: int, control_port: int) -> None:
    """SMTP and HTTP until a signal ends us."""
    async with run_smtp(port=port) as state:
        config = uvicorn.Config(build_control(state), host="127.0.0.1", port=control_port, access_log=False)
        await uvicorn.Server(config).serve()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2])))
