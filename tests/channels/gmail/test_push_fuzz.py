"""Whatever comes as a push: it is read or ignored, and a token is good or refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.base import BadSignature, WebhookRequest
from channels.gmail.certificates import Certificates
from channels.gmail.push import GmailPush
from database.types import Source
from tests.channels.gmail.desk import ACCOUNT, make_settings
from tests.channels.mutations import mutated_bytes, mutated_json
from tests.emulators.gmail import ADDRESS
from tests.emulators.gmail_accounts import make_push
from tests.fuzz import fuzz_settings

SETTINGS = make_settings("http://127.0.0.1:9")
RECEIVER = GmailPush(SETTINGS, ACCOUNT, Certificates(SETTINGS.certs_url))
SAMPLES = [
    make_push(ADDRESS, "1710"),
    make_push(ADDRESS, 1710),
    make_push("bob@example.com", "1"),
    json.dumps({"emailAddress": ADDRESS, "historyId": 5}).encode(),
]
TOKEN = "eyJhbGciOiJSUzI1NiIsImtpZCI6ImtleS0xIn0.eyJpc3MiOiJodHRwczovL2FjY291bnRzLmdvb2dsZS5jb20ifQ.c2ln"


def check(body: bytes) -> None:
    parsed = RECEIVER.parse(Source("gmail", "", "1", body))
    assert parsed.wakes in {(), (ADDRESS,)}
    assert bool(parsed.wakes) != bool(parsed.ignored)
    assert not parsed.messages


@fuzz_settings
@given(mutated_bytes(SAMPLES))
def test_any_bytes_wake_us_or_are_ignored(body: bytes) -> None:
    check(body)


@fuzz_settings
@given(mutated_json([json.loads(sample) for sample in SAMPLES]))
def test_any_json_wakes_us_or_is_ignored(body: object) -> None:
    check(json.dumps(body).encode())


@fuzz_settings
@given(st.text(max_size=200) | mutated_bytes([TOKEN.encode()]).map(lambda raw: raw.decode("latin-1")))
def test_no_made_up_token_is_taken_or_breaks_anything(token: str) -> None:
    # No claim can be right here, so the verdict comes before anything is asked, and the coroutine never waits.
    verdict = RECEIVER.verify(WebhookRequest("https://desk.example.com/", {"authorization": f"Bearer {token}"}, b""))
    with pytest.raises(BadSignature):
        verdict.send(None)
