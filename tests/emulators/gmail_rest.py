"""Gmail's REST API and Google's sign-in, answered from a mailbox in memory."""

import base64
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from tests.emulators.gmail_accounts import Accounts, Refused
from tests.emulators.gmail_faults import Faults
from tests.emulators.gmail_mailbox import Change, Json, Mailbox, StoredMail
from tests.emulators.gmail_schemas import check_schema

_WATCH_MS = 7 * 24 * 3600 * 1000
_CHANGES: dict[str, Change] = {
    "messageAdded": "messagesAdded",
    "messageDeleted": "messagesDeleted",
    "labelAdded": "labelsAdded",
    "labelRemoved": "labelsRemoved",
}


@dataclass(slots=True)
class Gmail:
    """The emulator: its state, and what it was asked."""

    mailbox: Mailbox
    accounts: Accounts
    url: str = ""
    faults: Faults = field(default_factory=Faults)
    requests: Counter[str] = field(default_factory=Counter)
    accepted: list[Json] = field(default_factory=list)
    queries: list[str] = field(default_factory=list)
    watched: list[Json] = field(default_factory=list)
    repeats_history: bool = False
    shuffles_history: bool = False
    history_lag: int = 0
    max_age: int = 3600
    now_ms: int = 1_795_000_000_000

    def configure(self, wanted: Json) -> None:
        """Change what `configure` of the control API names."""
        for name, value in wanted.items():
            owner = self.mailbox if name == "page_size" else self.accounts if name == "is_revoked" else self
            setattr(owner, name, value)

    async def get_profile(self, _request: Request) -> Json:
        """users.getProfile."""
        box = self.mailbox
        return {
            "emailAddress": box.address,
            "messagesTotal": len(box.mails),
            "threadsTotal": len({mail.thread_id for mail in box.mails.values()}),
            "historyId": str(box.history_id),
        }

    async def watch(self, request: Request) -> Json:
        """users.watch."""
        order = await request.json()
        check_schema("WatchRequest", order)
        self.watched.append(order)
        return {"historyId": str(self.mailbox.history_id), "expiration": str(self.now_ms + _WATCH_MS)}

    async def list_history(self, request: Request) -> Json:
        """users.history.list. Types are filtered after paging, so that a page may have nothing to show.

        The latest `history_lag` records are not shown yet, though the mailbox's history id counts them.
        """
        wanted = {_CHANGES[kind] for kind in request.query_params.getlist("historyTypes")}
        records = self.mailbox.list_since(int(request.query_params["startHistoryId"]))
        chosen, page = self._take_page(request, records[: max(len(records) - self.history_lag, 0)])
        shown = [record.describe() for record in chosen if record.change in wanted]
        if self.repeats_history:
            shown += shown
        if self.shuffles_history:
            shown.reverse()
        return ({"history": shown} if shown else {}) | {"historyId": str(self.mailbox.history_id)} | page

    async def list_messages(self, request: Request) -> Json:
        """users.messages.list."""
        self.queries.append(request.query_params.get("q", ""))
        found = self.mailbox.search(self.queries[-1])
        chosen, page = self._take_page(request, found)
        listed = [{"id": mail.id, "threadId": mail.thread_id} for mail in chosen]
        return ({"messages": listed} if listed else {}) | {"resultSizeEstimate": len(found)} | page

    async def get_message(self, request: Request) -> Json:
        """users.messages.get in the formats raw, metadata and minimal."""
        mail = self.mailbox.find(request.path_params["id"])
        if request.query_params.get("format") == "raw":
            return _describe(mail) | {"raw": base64.urlsafe_b64encode(mail.raw).decode()}
        return self._show(mail, request)

    async def get_thread(self, request: Request) -> Json:
        """users.threads.get."""
        mails = self.mailbox.find_thread(request.path_params["id"])
        shown = [self._show(mail, request) for mail in mails]
        return {"id": mails[0].thread_id, "historyId": str(self.mailbox.history_id), "messages": shown}

    async def send_message(self, request: Request) -> Json:
        """users.messages.send."""
        body = await request.json()
        check_schema("Message", body)
        mail = self.mailbox.send(base64.urlsafe_b64decode(body["raw"]), body.get("threadId"))
        headers = mail.headers
        self.accepted.append(
            {
                "id": mail.id,
                "thread_id": mail.thread_id,
                "joined": mail.thread_id == body.get("threadId"),
                "message_id": headers["Message-ID"],
                "reply": headers["X-Nightdesk-Reply"],
                "to": headers["To"],
                "subject": headers["Subject"],
                "in_reply_to": headers["In-Reply-To"],
            }
        )
        return {"id": mail.id, "threadId": mail.thread_id, "labelIds": mail.labels}

    async def consent(self, request: Request) -> Response:
        """The consent page, and the person who says yes."""
        query = dict(request.query_params)
        code = self.accounts.consent(query)
        return RedirectResponse(f"{query['redirect_uri']}?state={query['state']}&code={code}", 302)

    async def give_token(self, request: Request) -> Response:
        """OAuth's token endpoint."""
        form = {name: str(value) for name, value in (await request.form()).items()}
        scheme, _, basic = request.headers.get("authorization", "").partition(" ")
        if scheme == "Basic":  # a client may name itself here as well as in the form
            form["client_id"], _, form["client_secret"] = base64.b64decode(basic).decode().partition(":")
        try:
            return JSONResponse(self.accounts.give_token(form))
        except Refused as error:
            return JSONResponse({"error": str(error), "error_description": "scripted"}, 400)

    async def give_certificates(self, _request: Request) -> Response:
        """Google's certificates, as long as `max_age` good."""
        table = {key.id: key.certificate_pem for key in self.accounts.signing_keys}
        return JSONResponse(table, headers={"cache-control": f"public, max-age={self.max_age}, must-revalidate"})

    def _take_page(self, request: Request, everything: list[Any]) -> tuple[list[Any], Json]:
        size = min(int(request.query_params.get("maxResults", "100")), self.mailbox.page_size)
        start = int(request.query_params.get("pageToken", "0"))
        rest = {"nextPageToken": str(start + size)} if start + size < len(everything) else {}
        return everything[start : start + size], rest

    def _show(self, mail: StoredMail, request: Request) -> Json:
        if request.query_params.get("format") != "metadata":
            return _describe(mail)
        wanted = {name.lower() for name in request.query_params.getlist("metadataHeaders")}
        headers = [
            {"name": name, "value": str(value)} for name, value in mail.headers.items() if name.lower() in wanted
        ]
        return _describe(mail) | {"payload": {"mimeType": "text/plain", "headers": headers}}


def _describe(mail: StoredMail) -> Json:
    return {
        "id": mail.id,
        "threadId": mail.thread_id,
        "labelIds": mail.labels,
        "snippet": "",
        "historyId": str(mail.history_id),
        "internalDate": str(mail.arrived_ms),
        "sizeEstimate": len(mail.raw),
    }
