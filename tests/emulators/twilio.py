"""A small Twilio on loopback: Messages (create, list, fetch), media behind a password, callbacks and webhooks, and the
account with its one WhatsApp sender.

In a test: `async with serve_twilio() as twilio: ...`. As a process: `python -m tests.emulators.twilio PORT`.

Its control API takes and gives JSON:

- `POST /_control/faults` a list of faults (see `Fault`), put behind those that wait; `DELETE` forgets them.
- `PUT /_control/callbacks` the plan for status callbacks (see `CallbackPlan`).
- `PUT /_control/account` fields of `Account` to change, such as `key_sid` for SHA-256 signatures.
- `PUT /_control/opted_out` a list of numbers (E.164) that Twilio refuses with 21610.
- `POST /_control/inbound` an order {"url": where, "messages": [fields as Twilio names them; `From` is required]}. With
  `repeat` each webhook comes so many times, with `seed` they are shuffled, with `at_once` they come together, and with
  `lose` none comes although the messages are there. The answer has each SID with the statuses it was answered with.
- `GET /_inspect/messages` what was accepted for customers, with our outbox id from the callback's URL;
  `/_inspect/inbound`, `/_inspect/callbacks`, `/_inspect/webhooks`, `/_inspect/requests` (counts by kind).
"""

import asyncio
import dataclasses
import hmac
import sys
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from channels.whatsapp.split import MAX_UNITS, count_units
from tests.emulators.serving import serve_app
from tests.emulators.twilio_state import API, Account, CallbackPlan, Fault, Message, State
from tests.emulators.twilio_webhooks import report_statuses, send_inbound

HTML = "<html><head><title>503</title></head><body>Service unavailable</body></html>"


class Twilio:
    """The server's answers."""

    def __init__(self, state: State) -> None:
        self.state = state
        messages = f"{API}/{{account}}/Messages"
        self.app = Starlette(
            routes=[
                Route(f"{API}/{{account}}.json", self.read_account),
                Route("/v2/Channels/Senders", self.list_senders),
                Route(f"{messages}.json", self.create, methods=["POST"]),
                Route(f"{messages}.json", self.list, methods=["GET"]),
                Route(f"{messages}/{{sid}}.json", self.fetch),
                Route(f"{messages}/{{sid}}/Media.json", self.list_media),
                Route(f"{messages}/{{sid}}/Media/{{name}}", self.redirect_to_media),
                Route("/_store/{name}", self.read_store),
                Route("/_control/faults", self.order_faults, methods=["POST", "DELETE"]),
                Route("/_control/callbacks", self.plan_callbacks, methods=["PUT"]),
                Route("/_control/account", self.change_account, methods=["PUT"]),
                Route("/_control/opted_out", self.opt_out, methods=["PUT"]),
                Route("/_control/inbound", self.order_inbound, methods=["POST"]),
                Route("/_inspect/{what}", self.inspect),
            ]
        )

    async def create(self, request: Request) -> Response:
        """Accept a message, unless it is refused or a fault was ordered."""
        fault = self.state.take_fault("create")
        refusal = self._refuse(request, "create", fault)
        if refusal is not None:
            return refusal
        form = {key: str(value) for key, value in (await request.form()).items()}
        problem = self._check(form)
        if problem is not None:
            return answer_error(400, problem)
        message = self._accept(form)
        if self.state.plan.before_answer:
            await report_statuses(self.state, message)
        else:
            self._start(report_statuses(self.state, message))
        return await self._answer_late(request, message, fault)

    def _check(self, form: dict[str, str]) -> int | None:
        if not form.get("To"):
            return 21604
        if form.get("From") != f"whatsapp:{self.state.account.number}":
            return 63007
        if form["To"].removeprefix("whatsapp:") in self.state.opted_out:
            return 21610
        if count_units(form.get("Body", "")) > MAX_UNITS:
            return 21617
        return None if form.get("Body") or form.get("ContentSid") else 21619

    def _accept(self, form: dict[str, str]) -> Message:
        now = self.state.now()
        content_sid = form.get("ContentSid")
        message = Message(
            self.state.name("SM"),
            form["From"],
            form["To"],
            f"A template with {form.get('ContentVariables')}" if content_sid else form["Body"],
            "outbound-api",
            now,
            now,
            "queued",
            form.get("StatusCallback"),
            content_sid,
            form.get("ContentVariables"),
        )
        self.state.messages[message.sid] = message
        return message

    async def _answer_late(self, request: Request, message: Message, fault: Fault | None) -> Response:
        if fault is not None and fault.kind == "accepted_drop":
            return drop(request)
        if fault is not None and fault.kind == "accepted_html":
            return HTMLResponse(HTML, fault.status)
        if fault is not None and fault.kind == "accepted_garbled":
            return Response('{"sid": "SM', 201, media_type="application/json")
        if fault is not None:
            await asyncio.sleep(fault.seconds)
        # The answer always has the status of the moment of acceptance, whatever was reported meanwhile.
        return JSONResponse(message.describe(self.state.account.sid) | {"status": "queued"}, 201)

    async def read_account(self, request: Request) -> Response:
        """Whose account it is, and whether it may be used."""
        refusal = self._refuse(request, "account", self.state.take_fault("account"))
        return refusal or JSONResponse(self.state.account.describe())

    async def list_senders(self, request: Request) -> Response:
        """Its WhatsApp senders, on one page."""
        refusal = self._refuse(request, "senders", self.state.take_fault("senders"))
        meta = {"key": "senders", "next_page_url": None}
        return refusal or JSONResponse({"senders": self.state.account.list_senders(), "meta": meta})

    async def list(self, request: Request) -> Response:
        """A page of messages, newest first."""
        refusal = self._refuse(request, "list", self.state.take_fault("list"))
        if refusal is not None:
            return refusal
        query = request.query_params
        found = [message for message in self.state.messages.values() if _matches(message, query)]
        found.sort(key=lambda message: (message.created, message.sid), reverse=True)
        size, page = int(query.get("PageSize", 50)), int(query.get("Page", 0))
        rows = found[page * size : (page + 1) * size]
        has_next = len(found) > (page + 1) * size
        following = request.url.include_query_params(Page=page + 1)
        return JSONResponse(
            {
                "messages": [message.describe(self.state.account.sid) for message in rows],
                "page": page,
                "page_size": size,
                "uri": request.url.path,
                "next_page_uri": f"{following.path}?{following.query}" if has_next else None,
            }
        )

    async def fetch(self, request: Request) -> Response:
        """One message."""
        refusal = self._refuse(request, "fetch", self.state.take_fault("fetch"))
        if refusal is not None:
            return refusal
        message = self.state.messages.get(request.path_params["sid"])
        return JSONResponse(message.describe(self.state.account.sid)) if message else answer_error(404, 20404)

    async def list_media(self, request: Request) -> Response:
        """The files of one message."""
        refusal = self._refuse(request, "list_media", None)
        if refusal is not None:
            return refusal
        message = self.state.messages[request.path_params["sid"]]
        base = f"{API}/{self.state.account.sid}/Messages/{message.sid}/Media"
        files = [
            {"sid": name, "content_type": self.state.files[name][0], "uri": f"{base}/{name}.json"}
            for name in message.media
        ]
        return JSONResponse({"media_list": files, "page": 0, "next_page_uri": None})

    async def redirect_to_media(self, request: Request) -> Response:
        """Where a file is, for whoever has the password."""
        refusal = self._refuse(request, "media", self.state.take_fault("media"))
        if refusal is not None:
            return refusal
        name = request.path_params["name"]
        return RedirectResponse(f"/_store/{name}", 307) if name in self.state.files else answer_error(404, 20404)

    async def read_store(self, request: Request) -> Response:
        """A file, without a password. Whoever brings one has given it to a stranger."""
        self.state.leaked_passwords += "authorization" in request.headers
        content_type, content = self.state.files[request.path_params["name"]]
        return Response(content, media_type=content_type)

    async def order_faults(self, request: Request) -> Response:
        """Put faults behind those that wait, or forget all."""
        if request.method == "DELETE":
            self.state.faults.clear()
        else:
            self.state.faults += [Fault(**fault) for fault in await request.json()]
        return JSONResponse({"waiting": len(self.state.faults)})

    async def plan_callbacks(self, request: Request) -> Response:
        """Say what is reported from now on."""
        self.state.plan = CallbackPlan(**await request.json())
        return JSONResponse({})

    async def change_account(self, request: Request) -> Response:
        """Change whose API this is."""
        self.state.account = dataclasses.replace(self.state.account, **await request.json())
        return JSONResponse({})

    async def opt_out(self, request: Request) -> Response:
        """Say who has opted out."""
        self.state.opted_out = set(await request.json())
        return JSONResponse({})

    async def order_inbound(self, request: Request) -> Response:
        """Let customers write."""
        return JSONResponse(await send_inbound(self.state, await request.json()))

    async def inspect(self, request: Request) -> Response:
        """What happened so far."""
        state = self.state
        inbound = [message for message in state.messages.values() if message.direction == "inbound"]
        views: dict[str, Any] = {
            "messages": [_show(message) for message in state.list_outbound()],
            "inbound": [_show(message) for message in inbound],
            "callbacks": state.callbacks,
            "webhooks": state.webhooks,
            "requests": dict(state.requests),
        }
        return JSONResponse(views[request.path_params["what"]])

    def _refuse(self, request: Request, kind: str, fault: Fault | None) -> Response | None:
        self.state.requests[kind] += 1
        if fault is not None and fault.kind == "drop":
            return drop(request)
        if fault is not None and fault.kind == "html":
            return HTMLResponse(HTML, fault.status)
        if fault is not None and fault.kind == "error":
            headers = {"Retry-After": str(fault.retry_after)} if fault.retry_after is not None else {}
            return answer_error(fault.status, fault.code or 20500, headers)
        account = self.state.account
        expected = "Basic " + b64encode(f"{account.sid}:{account.auth_token}".encode()).decode()
        is_known = hmac.compare_digest(request.headers.get("authorization", ""), expected)
        return (
            None
            if is_known and request.path_params.get("account", account.sid) == account.sid
            else answer_error(401, 20003)
        )

    def _start(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self.state.tasks.add(task)
        task.add_done_callback(self.state.tasks.discard)


def answer_error(status: int, code: int, headers: dict[str, str] | None = None) -> Response:
    """An error as Twilio words it."""
    info = f"https://www.twilio.com/docs/errors/{code}"
    content = {
        "code": code,
        "message": f"Emulated for whatsapp:+15550111 ({code})",
        "more_info": info,
        "status": status,
    }
    return JSONResponse(content, status, headers)


def drop(request: Request) -> Response:
    """Close the connection without an answer."""
    request.receive.__self__.transport.abort()  # type: ignore[attr-defined]  # uvicorn's request, behind its method
    return Response()


def _matches(message: Message, query: Any) -> bool:
    after = query.get("DateSent>")
    if after and (message.sent is None or message.sent < datetime.fromisoformat(after).replace(tzinfo=UTC)):
        return False
    return bool(message.to == query.get("To", message.to) and message.sender == query.get("From", message.sender))


def _show(message: Message) -> dict[str, Any]:
    return {
        "sid": message.sid,
        "outbox": message.outbox,
        "from": message.sender,
        "to": message.to,
        "body": message.body,
        "status": message.status,
        "created": message.created.isoformat(),
        "content_sid": message.content_sid,
        "content_variables": message.content_variables,
    }


@asynccontextmanager
async def serve_twilio(account: Account | None = None) -> AsyncIterator[State]:
    """The server, for the length of the block; its state can be looked into and changed directly."""
    state = State(account or Account())
    async with serve_app(Twilio(state).app) as state.url:
        yield state
        await asyncio.gather(*state.tasks)


if __name__ == "__main__":
    chosen = int(sys.argv[1])
    uvicorn.run(Twilio(State(url=f"http://127.0.0.1:{chosen}")).app, host="127.0.0.1", port=chosen, access_log=False)
