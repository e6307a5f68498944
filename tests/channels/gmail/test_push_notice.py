"""What a push says: whose mailbox has news, in whatever shape Pub/Sub brings it."""

import base64
import json

import pytest

from channels.base import WebhookRequest
from channels.gmail.certificates import Certificates
from channels.gmail.push import GmailPush
from database.types import Source
from tests.channels.gmail.desk import ACCOUNT, make_settings
from tests.emulators.gmail import ADDRESS
from tests.emulators.gmail_accounts import make_push


def wrap(data: str, **more: object) -> bytes:
    return json.dumps({"message": {"data": data, "messageId": "1"}, "subscription": "s", **more}).encode()


def encode(notice: object, *, url_safe: bool = True, is_padded: bool = True) -> str:
    raw = json.dumps(notice, ensure_ascii=False).encode()
    text = (base64.urlsafe_b64encode(raw) if url_safe else base64.b64encode(raw)).decode()
    return text if is_padded else text.rstrip("=")


NOTICE = {"emailAddress": ADDRESS, "historyId": "1710", "x": "ÿ~~>>??"}


@pytest.mark.parametrize(
    "body",
    [
        make_push(ADDRESS, "1710"),
        make_push(ADDRESS, 1710),
        make_push(ADDRESS, 3),
        make_push(ADDRESS.upper(), "1710"),
        wrap(encode(NOTICE)),
        wrap(encode(NOTICE, is_padded=False)),
        wrap(encode(NOTICE, url_safe=False)),
        wrap(encode(NOTICE, url_safe=False, is_padded=False)),
        wrap(encode(NOTICE), deliveryAttempt=5),
        json.dumps(NOTICE).encode(),
    ],
)
def test_a_push_wakes_our_mailbox_whatever_its_shape_and_history_id(receiver: GmailPush, body: bytes) -> None:
    assert receiver.parse(Source("gmail", "", "1", body)).wakes == (ADDRESS,)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"{}",
        b'{"message": null}',
        b'{"message": {}}',
        b'{"message": {"data": 5}}',
        wrap("%%%"),
        wrap("a"),
        wrap(encode([])),
        wrap(encode({"historyId": 1})),
        wrap(encode({"emailAddress": 5})),
        make_push("bob@example.com", "1"),
        b"[" * 100_000,
        wrap(base64.b64encode(b"[" * 100_000).decode()),
    ],
    ids=range(17),
)
def test_anything_else_is_ignored_with_a_reason(receiver: GmailPush, body: bytes) -> None:
    parsed = receiver.parse(Source("gmail", "", "1", body))
    assert parsed.wakes == ()
    assert len(parsed.ignored) == 1
    assert "example" not in parsed.ignored[0]


@pytest.fixture
def receiver() -> GmailPush:
    """A receiver that parses; parsing asks nobody."""
    settings = make_settings("http://127.0.0.1:9")
    return GmailPush(settings, ACCOUNT, Certificates(settings.certs_url))


def test_pub_sub_asks_nothing_beforehand_and_is_answered_briefly(receiver: GmailPush) -> None:
    assert receiver.confirm(WebhookRequest("https://desk.example.com/webhooks/gmail?challenge=1", {}, b"")) is None
    assert receiver.answer == ("application/json", "{}")
