"""Pub/Sub's pushes: only Google's own are taken."""

import asyncio
import base64
import json
import time
from typing import Any

import pytest
from google.auth import jwt

from channels.base import BadSignature, VendorAway, WebhookRequest
from channels.gmail.certificates import Certificates
from channels.gmail.push import GmailPush
from tests.channels.gmail.desk import ACCOUNT, make_settings
from tests.emulators.gmail import ADDRESS
from tests.emulators.gmail_accounts import make_push, make_signing_key
from tests.emulators.gmail_faults import Fault
from tests.emulators.gmail_rest import Gmail

URL = "https://desk.example.com/webhooks/gmail"


class Watch:
    """A monotonic clock that the test turns."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def read(self) -> float:
        return self.seconds


def make_receiver(gmail: Gmail, watch: Watch | None = None, **changes: object) -> GmailPush:
    settings = make_settings(gmail.url, **changes)
    monotonic = watch.read if watch else time.monotonic
    return GmailPush(settings, ACCOUNT, Certificates(settings.certs_url, monotonic=monotonic))


def make_request(token: str | None, *, url: str = URL) -> WebhookRequest:
    headers = {} if token is None else {"authorization": f"Bearer {token}"}
    return WebhookRequest(url, headers, make_push(ADDRESS, "1710"))


async def refuse(receiver: GmailPush, request: WebhookRequest) -> BadSignature:
    with pytest.raises(BadSignature) as caught:
        await receiver.verify(request)
    assert caught.value.status == 401
    return caught.value


async def test_googles_push_is_taken(gmail: Gmail) -> None:
    receiver = make_receiver(gmail)
    await receiver.verify(make_request(gmail.accounts.make_push_token(URL)))
    await receiver.verify(make_request(gmail.accounts.make_push_token(URL), url=f"{URL}?from=pubsub"))
    await receiver.verify(make_request(gmail.accounts.make_push_token(f"{URL}?a=1"), url=f"{URL}?a=1"))
    assert gmail.requests["certs"] == 1


async def test_a_configured_audience_is_the_only_one(gmail: Gmail) -> None:
    receiver = make_receiver(gmail, push_audience="our-desk")
    await receiver.verify(make_request(gmail.accounts.make_push_token("our-desk")))
    await refuse(receiver, make_request(gmail.accounts.make_push_token(URL)))


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "https://elsewhere.example.com/webhooks/gmail"},
        {"aud": None},
        {"aud": [URL]},
        {"aud": {}},
        {"email": "pusher@other-project.iam.example.com"},
        {"email": None},
        {"email_verified": False},
        {"email_verified": "true"},
        {"email_verified": None},
        {"exp": 1_700_000_000},
        {"exp": None},
        {"exp": "soon"},
        {"iat": None},
        {"iss": "https://accounts.example.com"},
        {"iss": None},
        {"iss": {"a": 1}},
    ],
    ids=str,
)
async def test_a_token_with_any_wrong_claim_is_refused(gmail: Gmail, changes: dict[str, Any]) -> None:
    await refuse(make_receiver(gmail), make_request(gmail.accounts.make_push_token(URL, **changes)))


@pytest.mark.parametrize(("claim", "seconds"), [("exp", -30), ("iat", 600)])
async def test_clocks_may_not_differ_by_more(gmail: Gmail, claim: str, seconds: int) -> None:
    token = gmail.accounts.make_push_token(URL, **{claim: int(time.time()) + seconds})
    await refuse(make_receiver(gmail), make_request(token))


async def test_clocks_may_differ_by_some_seconds(gmail: Gmail) -> None:
    now = int(time.time())
    receiver = make_receiver(gmail)
    await receiver.verify(make_request(gmail.accounts.make_push_token(URL, exp=now - 5)))
    await receiver.verify(make_request(gmail.accounts.make_push_token(URL, iat=now + 5)))


def forge(token: str, *, header: dict[str, Any] | None = None, claims: dict[str, Any] | None = None) -> str:
    """The token with another header or other claims, under the old signature."""
    parts = token.split(".")
    for index, part in ((0, header), (1, claims)):
        if part is not None:
            parts[index] = base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
    return ".".join(parts)


async def test_a_token_that_google_did_not_sign_is_refused(gmail: Gmail) -> None:
    good = gmail.accounts.make_push_token(URL)
    claims = jwt.decode(good, verify=False)  # type: ignore[no-untyped-call]
    mine = make_signing_key("key-1")
    symmetric = base64.urlsafe_b64encode(b"0" * 32).decode().rstrip("=")
    forged = [
        None,
        "",
        "a",
        "a.b.c",
        "ä.ö.ü",
        good + "x" * 9000,
        good.rpartition(".")[0] + ".",
        good[:-8],
        forge(good, claims=claims | {"sub": "somebody else"}),
        forge(good, header={"alg": "none", "kid": "key-1"}),
        forge(good, header={"alg": "none"}).rpartition(".")[0] + ".",
        forge(good, header={"alg": "HS256", "kid": "key-1"}).rpartition(".")[0] + f".{symmetric}",
        forge(good, header={"alg": "ES256", "kid": "key-1"}),
        forge(good, header={"alg": ["RS256"], "kid": "key-1"}),
        forge(good, header={"alg": "RS256"}),
        forge(good, header={"alg": "RS256", "kid": 7}),
        forge(good, header={"alg": "RS256", "kid": "unknown"}),
        mine.sign(claims),
    ]
    receiver = make_receiver(gmail)
    for token in forged:
        await refuse(receiver, make_request(token))
    for header in ("Basic abc", "Bearer", good, f"Bearer  {good} "):
        await refuse(receiver, WebhookRequest(URL, {"authorization": header}, b"{}"))


async def test_no_reason_quotes_the_token(gmail: Gmail) -> None:
    good = gmail.accounts.make_push_token(URL)
    receiver = make_receiver(gmail)
    for token in (good[:-8], forge(good, claims={}), f"{good}.x", "secret"):
        error = await refuse(receiver, make_request(token))
        assert not any(part in f"{error!r}{error.__cause__!r}" for part in token.split("."))
        assert error.__suppress_context__ or error.__context__ is None


async def test_without_a_push_account_every_push_is_refused(gmail: Gmail) -> None:
    receiver = make_receiver(gmail, push_account=None)
    for changes in ({}, {"email": None}):
        await refuse(receiver, make_request(gmail.accounts.make_push_token(URL, **changes)))
    assert gmail.requests["certs"] == 0


async def test_a_new_key_is_fetched_when_google_signs_with_it(gmail: Gmail) -> None:
    watch = Watch()
    receiver = make_receiver(gmail, watch)
    await receiver.verify(make_request(gmail.accounts.make_push_token(URL)))
    gmail.accounts.rotate()
    watch.seconds += 61
    for _ in range(3):
        await receiver.verify(make_request(gmail.accounts.make_push_token(URL)))
    assert gmail.requests["certs"] == 2


async def test_made_up_keys_do_not_make_us_hammer_google(gmail: Gmail) -> None:
    watch = Watch()
    receiver = make_receiver(gmail, watch)
    good = gmail.accounts.make_push_token(URL)
    for number in range(100):
        await refuse(receiver, make_request(forge(good, header={"alg": "RS256", "kid": f"made-up-{number}"})))
    assert gmail.requests["certs"] == 1
    watch.seconds += 61
    for number in range(100):
        await refuse(receiver, make_request(forge(good, header={"alg": "RS256", "kid": f"made-up-{number}"})))
    assert gmail.requests["certs"] == 2


async def test_a_token_that_could_never_pass_asks_google_nothing(gmail: Gmail) -> None:
    await refuse(make_receiver(gmail), make_request(gmail.accounts.make_push_token(URL, email="a@example.com")))
    assert gmail.requests["certs"] == 0


async def test_certificates_are_kept_as_long_as_google_says_and_no_longer(gmail: Gmail) -> None:
    watch = Watch()
    gmail.max_age = 600
    receiver = make_receiver(gmail, watch)
    token = gmail.accounts.make_push_token(URL)
    for seconds, fetches in ((0, 1), (599, 1), (2, 2)):
        watch.seconds += seconds
        await receiver.verify(make_request(token))
        assert gmail.requests["certs"] == fetches


async def test_a_key_that_google_withdrew_is_no_longer_good(gmail: Gmail) -> None:
    watch = Watch()
    receiver = make_receiver(gmail, watch)
    token = gmail.accounts.make_push_token(URL)
    await receiver.verify(make_request(token))
    gmail.accounts.signing_keys = [make_signing_key("key-9")]
    watch.seconds += gmail.max_age + 1
    await refuse(receiver, make_request(token))


@pytest.mark.parametrize(
    "fault",
    [Fault("error", status=503), Fault("html", status=500), Fault("refuse"), Fault("garble")],
    ids=lambda f: f.kind,
)
async def test_when_google_has_no_certificates_nobody_can_tell(gmail: Gmail, fault: Fault) -> None:
    watch = Watch()
    receiver = make_receiver(gmail, watch)
    gmail.faults.plan("certs", fault)
    token = gmail.accounts.make_push_token(URL)
    for _ in range(10):
        with pytest.raises(VendorAway):
            await receiver.verify(make_request(token))
    assert gmail.requests["certs"] == 1
    watch.seconds += 6
    await receiver.verify(make_request(token))


async def test_an_outage_does_not_matter_while_the_certificates_are_fresh(gmail: Gmail) -> None:
    receiver = make_receiver(gmail)
    token = gmail.accounts.make_push_token(URL)
    await receiver.verify(make_request(token))
    gmail.faults.plan("certs", *[Fault("refuse")] * 5)
    await receiver.verify(make_request(token))


async def test_many_pushes_at_once_fetch_certificates_once(gmail: Gmail) -> None:
    gmail.faults.plan("certs", Fault("slow", seconds=0.1))
    receiver = make_receiver(gmail)
    await asyncio.gather(
        *(receiver.verify(make_request(gmail.accounts.make_push_token(URL, sub=str(n)))) for n in range(20))
    )
    assert gmail.requests["certs"] == 1
