"""Whatever Gmail answers: a listing, a mail or a receipt comes of it, or the vendor counts as away."""

import base64
from collections.abc import Coroutine
from typing import Any, TypeVar

from hypothesis import given
from hypothesis import strategies as st

from channels.base import DeliveryUncertain, Listing, Receipt, VendorAway
from channels.gmail.client import GmailClient
from channels.gmail.cursor import HistoryCursor
from channels.gmail.poll import GmailPoller
from channels.gmail.reconcile import GmailReconciler
from channels.gmail.refusal import Refusal, read_refusal
from channels.gmail.send import GmailSender
from database.types import Source
from tests.channels.gmail.desk import ACCOUNT, NOW, make_mail, make_reply
from tests.channels.mutations import mutated_bytes, mutated_json
from tests.fuzz import fuzz_settings

T = TypeVar("T")

MAIL = {"id": "19aa", "threadId": "19aa", "labelIds": ["SENT"], "internalDate": "1795000000000"}
HEADERS = {"payload": {"headers": [{"name": "Message-ID", "value": "<1@mail.gmail.com>"}]}}
HISTORY = {
    "history": [
        {"id": "7", "messagesAdded": [{"message": {"id": "19ab", "threadId": "19aa", "labelIds": ["INBOX"]}}]},
        {"id": "9", "labelsRemoved": [{"labelIds": ["SPAM"], "message": {"id": "19ac", "threadId": "19aa"}}]},
    ],
    "historyId": "11",
}
RAW = MAIL | {"raw": base64.urlsafe_b64encode(make_mail()).decode()}
THREAD = {"id": "19aa", "messages": [MAIL | HEADERS, MAIL | HEADERS]}
FOUND = {"messages": [{"id": "19aa", "threadId": "19aa"}], "resultSizeEstimate": 1}
ERROR = (
    b'{"error": {"code": 429, "message": "User-rate limit exceeded.  Retry after 2026-11-21T12:30:00.000Z",'
    b' "errors": [{"reason": "rateLimitExceeded"}], "status": "RESOURCE_EXHAUSTED"}}'
)


class Scripted(GmailClient):
    """A client that answers these things in order, and at last an empty page."""

    def __init__(self, *answers: Any) -> None:
        self._answers = [*reversed(answers)]

    async def read(self, make: Any) -> Any:
        del make
        return self._answers.pop() if self._answers else {}

    async def call_once(self, make: Any) -> Any:
        return await self.read(make)


def finish(work: Coroutine[Any, Any, T]) -> T:
    """The result of what never waits; an event loop for each of thousands would take most of the time."""
    try:
        work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    raise AssertionError("it waits for something")


def mutated(sample: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Objects alone: the client itself refuses anything else."""
    return mutated_json([sample]).filter(lambda body: isinstance(body, dict))


@fuzz_settings
@given(mutated(HISTORY))
def test_any_history_is_a_listing_or_an_outage(answer: Any) -> None:
    poller = GmailPoller(Scripted(answer, MAIL), ACCOUNT, poll_seconds=60, clock=lambda: NOW)
    try:
        listing = finish(poller.list_new("5", NOW))
    except VendorAway:
        return
    assert isinstance(listing, Listing)
    cursor = HistoryCursor.read(listing.cursor)
    assert int(cursor.history_id) >= 5
    assert cursor.taken_at == NOW


@fuzz_settings
@given(mutated(RAW))
def test_any_mail_is_a_source_or_an_outage(answer: Any) -> None:
    poller = GmailPoller(Scripted(answer), ACCOUNT, poll_seconds=60)
    try:
        source = finish(poller.fetch("19aa"))
    except VendorAway:
        return
    assert isinstance(source, Source)
    assert all(isinstance(value, str) for value in source.facts.values())


@fuzz_settings
@given(mutated(THREAD) | mutated(FOUND))
def test_any_thread_holds_the_reply_or_not_or_is_an_outage(answer: Any) -> None:
    reconciler = GmailReconciler(Scripted(answer), ACCOUNT, clock=lambda: NOW)
    try:
        found = finish(reconciler.find(make_reply(thread="19aa")))
    except VendorAway:
        return
    assert found is None


@fuzz_settings
@given(mutated(MAIL | HEADERS))
def test_any_answer_to_a_send_is_a_receipt_or_doubt(answer: Any) -> None:
    sender = GmailSender(Scripted(answer), ACCOUNT, clock=lambda: NOW)
    try:
        receipt = finish(sender.send(make_reply()))
    except DeliveryUncertain:
        return
    assert isinstance(receipt, Receipt)
    assert all(isinstance(key, str) for key in (receipt.vendor_id, receipt.mail_id, *receipt.known_as))


@fuzz_settings
@given(mutated_bytes([ERROR]), st.sampled_from([400, 403, 429, 500]), st.text(max_size=12))
def test_any_refusal_is_understood(content: bytes, status: int, retry_after: str) -> None:
    refusal = read_refusal(status, {"retry-after": retry_after}, content, now=lambda: NOW)
    assert isinstance(refusal, Refusal)
    assert refusal.retry_after is None or 0 <= refusal.retry_after <= 86_400
    assert len(str(refusal)) < 300
