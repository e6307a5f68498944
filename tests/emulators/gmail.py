"""Gmail and Google's sign-in on loopback: one mailbox, its history, OAuth, certificates, signed pushes.

    python -m tests.emulators.gmail PORT [ADDRESS]

Vendor's side; each answer is checked against the discovery document inside Google's client, and so are request bodies:
    GET  /gmail/v1/users/me/{profile,history,messages,messages/ID,threads/ID}
    POST /gmail/v1/users/me/{watch,messages/send}
    GET  /auth (consents at once)    POST /token    GET /certs

Control, all JSON:
    POST /_control/faults       {OPERATION: [FAULT, …]}, one for each request; operations are getProfile, watch,
                                history.list, messages.list, messages.get, messages.send, threads.get, token, certs;
                                a FAULT has the fields of `gmail_faults.Fault`
    POST /_control/deliver      {"raw": BASE64, "labels"?: […], "copies"?: 1} -> {"ids": […], "history_id"}
    POST /_control/change       {"add" | "remove": […], "id"}, or {"delete": ID}
    POST /_control/configure    any of page_size, is_revoked, repeats_history, shuffles_history, max_age
    POST /_control/forget       forgets history (cursors up to now get 404) or, with {"tokens": true}, access tokens
    POST /_control/rotate       signs pushes with a new key from now on
    POST /_control/push         {"audience", "history_id"?} -> {"authorization", "body"}: a push to be posted
Inspection:
    GET /_inspect/accepted      every mail that send accepted, in order: id, thread_id, message_id, reply, to, subject,
                                in_reply_to, and `joined`, whether it is in the thread that was asked for
    GET /_inspect/requests      how often each operation was called
"""

import base64
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.emulators.gmail_accounts import Accounts, make_push
from tests.emulators.gmail_faults import Fault, refuse
from tests.emulators.gmail_mailbox import Json, Mailbox, NoSuchThing
from tests.emulators.gmail_rest import Gmail
from tests.emulators.gmail_schemas import check_schema
from tests.emulators.serving import serve_app

ADDRESS = "support@example.com"

Handler = Callable[[Request], Awaitable[Any]]


def make_gmail(address: str = ADDRESS) -> Gmail:
    """An empty mailbox, and an account that may sign in to it."""
    return Gmail(Mailbox(address), Accounts(address))


def build_app(gmail: Gmail) -> Starlette:
    """Vendor's side, control and inspection."""
    users = "/gmail/v1/users/me"

    def serve(path: str, operation: str, schema: str, handle: Handler, method: str = "GET") -> Route:
        return Route(users + path, _guard(gmail, operation, schema, handle), methods=[method])

    def serve_google(path: str, operation: str, handle: Handler, method: str = "GET") -> Route:
        async def answer(request: Request) -> Response:
            gmail.requests[operation] += 1
            return await gmail.faults.apply(operation, request, lambda: handle(request))

        return Route(path, answer, methods=[method])

    return Starlette(
        routes=[
            serve("/profile", "getProfile", "Profile", gmail.get_profile),
            serve("/watch", "watch", "WatchResponse", gmail.watch, "POST"),
            serve("/history", "history.list", "ListHistoryResponse", gmail.list_history),
            serve("/messages", "messages.list", "ListMessagesResponse", gmail.list_messages),
            serve("/messages/send", "messages.send", "Message", gmail.send_message, "POST"),
            serve("/messages/{id}", "messages.get", "Message", gmail.get_message),
            serve("/threads/{id}", "threads.get", "Thread", gmail.get_thread),
            serve_google("/auth", "auth", gmail.consent),
            serve_google("/token", "token", gmail.give_token, "POST"),
            serve_google("/certs", "certs", gmail.give_certificates),
            *_build_control(gmail),
        ]
    )


def _guard(gmail: Gmail, operation: str, schema: str, handle: Handler) -> Callable[[Request], Awaitable[Response]]:
    """Count, spoil, check the token, answer, and check the answer against Google's definition."""

    async def do(request: Request) -> Response:
        if gmail.accounts.whose(request.headers.get("authorization", "")) != gmail.mailbox.address:
            return refuse(401, "authError", "Invalid Credentials")
        try:
            body = await handle(request)
        except NoSuchThing:
            return refuse(404, "notFound", "Requested entity was not found.")
        except (ValueError, KeyError) as error:
            return refuse(400, "invalidArgument", f"Invalid value: {error}")
        check_schema(schema, body)
        return JSONResponse(body)

    async def answer(request: Request) -> Response:
        gmail.requests[operation] += 1
        return await gmail.faults.apply(operation, request, lambda: do(request))

    return answer


class _Control:
    """What the control API does; each method is an order of its own name."""

    def __init__(self, gmail: Gmail) -> None:
        self._gmail = gmail

    def faults(self, wanted: Json) -> Json:
        for operation, faults in wanted.items():
            self._gmail.faults.plan(operation, *(Fault(**fault) for fault in faults))
        return {}

    def deliver(self, wanted: Json) -> Json:
        box = self._gmail.mailbox
        raw, labels = base64.b64decode(wanted["raw"]), wanted.get("labels", ["INBOX", "UNREAD"])
        mails = [box.deliver(raw, labels=labels) for _ in range(wanted.get("copies", 1))]
        return {"ids": [mail.id for mail in mails], "history_id": box.history_id}

    def change(self, wanted: Json) -> Json:
        if "delete" in wanted:
            self._gmail.mailbox.delete(wanted["delete"])
        if "add" in wanted:
            self._gmail.mailbox.add_labels(wanted["id"], *wanted["add"])
        if "remove" in wanted:
            self._gmail.mailbox.remove_labels(wanted["id"], *wanted["remove"])
        return {}

    def configure(self, wanted: Json) -> Json:
        self._gmail.configure(wanted)
        return {}

    def forget(self, wanted: Json) -> Json:
        if wanted.get("tokens"):
            self._gmail.accounts.access_tokens.clear()
        else:
            self._gmail.mailbox.forget_history()
        return {}

    def rotate(self, _wanted: Json) -> Json:
        self._gmail.accounts.rotate()
        return {}

    def push(self, wanted: Json) -> Json:
        box = self._gmail.mailbox
        body = make_push(box.address, wanted.get("history_id", box.history_id))
        token = self._gmail.accounts.make_push_token(wanted["audience"])
        return {"authorization": f"Bearer {token}", "body": body.decode()}


def _build_control(gmail: Gmail) -> list[Route]:
    control = _Control(gmail)
    orders = (
        control.faults,
        control.deliver,
        control.change,
        control.configure,
        control.forget,
        control.rotate,
        control.push,
    )

    async def inspect_accepted(_request: Request) -> Response:
        return JSONResponse(gmail.accepted)

    async def inspect_requests(_request: Request) -> Response:
        return JSONResponse(dict(gmail.requests))

    return [
        *map(_take_order, orders),
        Route("/_inspect/accepted", inspect_accepted),
        Route("/_inspect/requests", inspect_requests),
    ]


def _take_order(obey: Callable[[Json], Json]) -> Route:
    async def answer(request: Request) -> Response:
        return JSONResponse(obey(await request.json()))

    return Route(f"/_control/{obey.__name__}", answer, methods=["POST"])


@asynccontextmanager
async def serve_gmail(gmail: Gmail | None = None) -> AsyncIterator[Gmail]:
    """The emulator in this process, for the length of the block."""
    state = gmail or make_gmail()
    async with serve_app(build_app(state), http="h11") as state.url:
        yield state


def main(port: int, address: str = ADDRESS) -> None:
    """Serve until stopped."""
    gmail = make_gmail(address)
    gmail.url = f"http://127.0.0.1:{port}"
    uvicorn.run(build_app(gmail), host="127.0.0.1", port=port, log_level="warning", http="h11")


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:3])
