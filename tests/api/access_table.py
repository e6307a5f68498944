"""Who may call each route, and what it answers those it lets in: one line per route."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.api.world import COLLEAGUE

STRANGERS = ("nobody", "a wrong token", "an expired token", "a revoked key", "somebody disabled", "somebody signed out")
HOLDERS = ("the ticket's holder", "another ticket's holder")
CUSTOMERS = ("the owner", "another customer")
STAFF = ("an agent", "an admin")
KEYS = ("a key with the scope", "a key with all other scopes", "a key with another scope")
CALLERS = (*STRANGERS, *HOLDERS, *CUSTOMERS, *STAFF, *KEYS)


@dataclass(frozen=True, slots=True)
class Row:
    """Who may call a route, and what it answers those it lets in.

    `unknown` is the answer where the object does not exist, and `foreign` where it is another customer's; None where
    the route has no such object. `but` are callers who are told something else than the declaration says.
    """

    audience: str
    lets_in: set[int]
    unknown: int | None = None
    foreign: int | None = None
    params: Mapping[str, str] | None = None
    json: Any = None
    files: Mapping[str, tuple[str, bytes]] | None = None
    but: Mapping[str, set[int]] = field(default_factory=dict)
    ids: Mapping[str, str] = field(default_factory=dict)


def among(*callers: str, status: int) -> dict[str, set[int]]:
    """The same answer for each of these callers."""
    return {caller: {status} for caller in callers}


HOLDER = "holder of the ticket's token"
PERSON = "anyone who signed in"

TEXT = {"text": "Look here."}
RATING = {"rating": 5, "resolved": True}
TICKET = {"subject": "Hello", "message": "Where is my order?"}
NOT_STAFF = (*STRANGERS[1:], *HOLDERS)

ROWS: dict[str, Row] = {
    "GET /health": Row("anyone", {200}),
    "GET /health/ready": Row("anyone", {200}),
    # Open, but whoever shows something to see more must be right.
    "GET /health/detailed": Row(
        "anyone", {200}, but=among(*NOT_STAFF, status=401) | among(*CUSTOMERS, KEYS[1], KEYS[2], status=403)
    ),
    "POST /auth/login": Row("anyone", {401, 429}, json={"email": "a@example.com", "password": "wrong"}),
    "POST /auth/refresh": Row("anyone", {401}),
    "POST /auth/logout": Row("anyone", {204}),
    "GET /auth/me": Row(PERSON, {200}),
    "POST /auth/password": Row(PERSON, {422, 429}, json={"current": "wrong", "new": "nine badgers at midnight"}),
    "GET /users": Row("admin", {200}),
    "POST /users": Row(
        "admin", {422}, json={"email": "new@example.com", "name": "N", "role": "agent", "password": "short"}
    ),
    "POST /users/{user_id}/password": Row("admin", {422}, unknown=404, json={"password": "too short"}),
    "PATCH /users/{user_id}": Row("admin", {200}, unknown=404, json={"name": "Kim Dale"}),
    "GET /agents": Row("tickets:read", {200}),
    "GET /keys": Row("admin", {200}),
    "POST /keys": Row("admin", {201}, json={"name": "new", "scopes": ["tickets:read"]}),
    "DELETE /keys/{key_id}": Row("admin", {204}, unknown=404),
    "POST /support/submit": Row(
        "anyone",
        {202},
        json={"name": "A", "email": "a@example.com", "subject": "Hello", "message": "Where is my order?"},
    ),
    "GET /support/ticket/{ref}": Row(HOLDER, {200}, unknown=404),
    "POST /support/ticket/{ref}/messages": Row(HOLDER, {202}, unknown=404, json={"message": "And now?"}),
    "GET /support/ticket/{ref}/events": Row(HOLDER, {200}, unknown=404),
    "POST /tickets": Row("tickets:write, own", {202}, json=TICKET, but=among(*STAFF, KEYS[0], status=422)),
    "GET /tickets": Row("tickets:read, own", {200}),
    "GET /tickets/counts": Row("tickets:read, own", {200}),
    "GET /tickets/{ref}": Row("tickets:read, own", {200}, unknown=404, foreign=404),
    "POST /tickets/{ref}/replies": Row("tickets:write", {202}, unknown=404, json=TEXT),
    "POST /tickets/{ref}/notes": Row("tickets:write", {201}, unknown=404, json=TEXT),
    "POST /tickets/{ref}/assign": Row("tickets:write", {200}, unknown=404, json={"user_id": None}),
    "POST /tickets/{ref}/escalate": Row(
        "tickets:write", {200}, unknown=404, json={"route": "billing", "reason": "Money."}
    ),
    "POST /tickets/{ref}/release": Row("tickets:write", {200, 409}, unknown=404),
    "POST /tickets/{ref}/close": Row("tickets:write", {200, 409}, unknown=404),
    "POST /tickets/{ref}/reopen": Row("tickets:write", {200, 409}, unknown=404),
    "PATCH /tickets/{ref}": Row("tickets:write", {200}, unknown=404, json={"priority": "low"}),
    "POST /tickets/{ref}/resolve": Row(
        "tickets:write, own", {200, 202, 409}, unknown=404, foreign=404, json={"timeout_seconds": 0.01}
    ),
    "POST /feedback/{ref}": Row("tickets:write, own", {200}, unknown=404, foreign=404, json=RATING),
    "POST /support/ticket/{ref}/feedback": Row(HOLDER, {200}, unknown=404, json=RATING),
    "GET /conversations/{conversation_id}": Row("tickets:read", {200}, unknown=404),
    "GET /customers/lookup": Row("customers:read", {200}, params={"email": "ada@example.com"}),
    "POST /test/queue": Row("admin", {504}, json={"timeout_seconds": 0.01}),
    "GET /deliveries": Row("tickets:read", {200}),
    "POST /deliveries/{reply_id}/verdict": Row("tickets:write", {409}, unknown=409, json={"outcome": "sent"}),
    "GET /notices": Row("tickets:read", {200}),
    "POST /support/ticket/{ref}/identity": Row(HOLDER, {202, 429}, unknown=404, json={"email": "ada@example.com"}),
    "POST /support/ticket/{ref}/identity/confirm": Row(HOLDER, {422}, unknown=404, json={"code": "000000"}),
    "POST /conversations/{conversation_id}/identity": Row(
        "tickets:write", {202, 429}, unknown=404, json={"email": "ada@example.com"}
    ),
    "GET /attachments/{file_id}": Row("tickets:read", {200}, unknown=404),
    "GET /support/ticket/{ref}/attachments/{file_id}": Row(HOLDER, {200}, unknown=404),
    "GET /metrics/channels": Row("metrics:read", {200}),
    "GET /metrics/channels.csv": Row("metrics:read", {200}),
    "GET /admin/metrics": Row("metrics:read", {200}),
    "GET /knowledge/articles": Row("knowledge:read", {200}),
    "GET /knowledge/articles/{article_id}": Row("knowledge:read", {200}, unknown=404),
    "POST /knowledge/articles/{article_id}/publish": Row("knowledge:write", {200}, unknown=404),
    "POST /knowledge/articles/{article_id}/unpublish": Row("knowledge:write", {200}, unknown=404),
    "DELETE /knowledge/articles/{article_id}": Row("knowledge:write", {409}, unknown=404),
    "POST /knowledge/uploads": Row("knowledge:write", {202}, files={"file": ("new.md", b"# New\n\nText.")}),
    "GET /knowledge/uploads": Row("knowledge:read", {200}),
    "GET /knowledge/uploads/{upload_id}": Row("knowledge:read", {200}, unknown=404),
    "POST /knowledge/search": Row("knowledge:read", {503}, json={"query": "password"}),  # no worker runs here
    "GET /settings/overview": Row("admin", {200}),
    "GET /settings/channels": Row("admin", {200}),
    "PATCH /settings/channels/{channel}/{inbox}": Row("admin", {200}, unknown=404, json={"enabled": True}),
    "POST /settings/channels/{channel}/{inbox}/test": Row("admin", {202, 429}, unknown=404, json={"to": COLLEAGUE}),
    "GET /settings/test-messages/{message_id}": Row("admin", {200}, unknown=404),
    "GET /settings/routes": Row("tickets:read", {200}),
    "PUT /settings/routes/{category}": Row("admin", {200}, unknown=422, json={"team": "Money", "instructions": ""}),
    "GET /events": Row("tickets:read", {200}),
    "GET /metrics": Row("metrics:read", {200}),
    "GET /audit": Row("admin", {200}),
    "GET /audit/verify": Row("admin", {200}),
    "GET /customers/{customer_id}": Row("customers:read", {200}, unknown=404),
    "GET /customers/{customer_id}/export": Row("admin", {200}, unknown=404),
    "GET /me/export": Row("admin, own", {200}, but=among("an admin", KEYS[0], status=404)),  # they are no customers
    "POST /customers/{customer_id}/erasure": Row("admin", {409}, unknown=404, json={"confirm": "somebody@example.com"}),
    # The vendor's signature alone counts: nobody's token does.
    "GET /webhooks/{address:path}": Row("vendor", {403}, unknown=404, ids={"address": "whatsapp"}),
    "POST /webhooks/{address:path}": Row("vendor", {401}, unknown=404, ids={"address": "whatsapp"}),
    "GET /": Row("anyone", {200, 503}),
    "GET /ticket/{ref}": Row("anyone", {200, 503}),
    "GET /desk/{path:path}": Row("anyone", {200, 503}, ids={"path": "tickets"}),
    "GET /desk": Row("anyone", {200, 503}),
    "GET /docs": Row("anyone", {200, 503}),
}
