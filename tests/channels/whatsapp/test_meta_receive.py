"""Meta's handshake and its signatures."""

import hashlib
import hmac
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from channels.base import BadSignature, WebhookRequest
from channels.whatsapp.meta.receive import MetaReceiver
from database.types import Source
from tests.channels.whatsapp.meta_account import configure_meta
from tests.emulators.meta_payloads import build_contact, build_message, build_value, build_webhook
from tests.fuzz import fuzz_settings

URL = "https://desk.example.com/webhooks/whatsapp/meta"
BODY = json.dumps(
    build_webhook(build_value(contacts=[build_contact()], messages=[build_message("text")])), ensure_ascii=False
).encode()


def make_request(body: bytes = BODY, signature: str | None = None) -> WebhookRequest:
    return WebhookRequest(URL, {} if signature is None else {"x-hub-signature-256": signature}, body)


def make_signature(body: bytes, secret: str = "meta-secret") -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


async def test_a_body_signed_with_the_apps_secret_is_taken() -> None:
    await MetaReceiver(configure_meta()).verify(make_request(signature=make_signature(BODY)))


@pytest.mark.parametrize("signature", [None, ""])
async def test_a_missing_signature_is_answered_401(signature: str | None) -> None:
    with pytest.raises(BadSignature) as refused:
        await MetaReceiver(configure_meta()).verify(make_request(signature=signature))
    assert refused.value.status == 401


@pytest.mark.parametrize(
    "signature",
    [
        make_signature(BODY, "another-secret"),
        make_signature(BODY).removeprefix("sha256="),
        make_signature(BODY).replace("sha256=", "sha1="),
        make_signature(BODY)[:-1],
        make_signature(b""),
        "sha256=",
        "sha256=ü",
        "\udcff",
    ],
)
async def test_a_wrong_signature_of_any_kind_is_answered_403(signature: str) -> None:
    with pytest.raises(BadSignature) as refused:
        await MetaReceiver(configure_meta()).verify(make_request(signature=signature))
    assert refused.value.status == 403


async def test_a_tampered_body_is_refused() -> None:
    tampered = BODY.replace(b"Where is my order?", b"Where is my money?")
    assert tampered != BODY
    with pytest.raises(BadSignature):
        await MetaReceiver(configure_meta()).verify(make_request(tampered, make_signature(BODY)))


async def test_the_same_json_written_anew_is_refused_because_the_bytes_are_signed() -> None:
    rewritten = json.dumps(json.loads(BODY), separators=(",", ":")).encode()
    assert json.loads(rewritten) == json.loads(BODY)
    with pytest.raises(BadSignature):
        await MetaReceiver(configure_meta()).verify(make_request(rewritten, make_signature(BODY)))


@pytest.mark.parametrize("missing", ["app_secret", "phone_number_id"])
async def test_a_receiver_without_its_settings_takes_nothing(missing: str) -> None:
    receiver = MetaReceiver(configure_meta(**{missing: None}))
    with pytest.raises(BadSignature) as refused:
        await receiver.verify(make_request(signature=make_signature(BODY, "")))
    assert refused.value.status == 403


@fuzz_settings
@given(st.text())
async def test_no_signature_but_the_right_one_is_taken(signature: str) -> None:
    with pytest.raises(BadSignature):
        await MetaReceiver(configure_meta()).verify(make_request(signature=signature))


def confirm(query: str, **changes: object) -> str | None:
    return MetaReceiver(configure_meta(**changes)).confirm(WebhookRequest(f"{URL}?{query}", {}, b""))


HANDSHAKE = "hub.mode=subscribe&hub.verify_token=meta-verify&hub.challenge=1158201444"


def test_the_handshake_is_answered_with_its_challenge() -> None:
    assert confirm(HANDSHAKE) == "1158201444"


@pytest.mark.parametrize(
    "query",
    [
        "",
        HANDSHAKE.replace("subscribe", "unsubscribe"),
        HANDSHAKE.replace("meta-verify", "guess"),
        HANDSHAKE.replace("meta-verify", ""),
        HANDSHAKE.replace("meta-verify", "%FC"),
        "hub.mode=subscribe&hub.verify_token=meta-verify",
        HANDSHAKE + "&hub.verify_token=guess",
        HANDSHAKE + "&hub.challenge=2",
    ],
)
def test_a_handshake_that_proves_nothing_gets_no_answer(query: str) -> None:
    assert confirm(query) is None


@pytest.mark.parametrize("token", [None, SecretStr("")])
def test_without_a_verify_token_no_handshake_succeeds(token: SecretStr | None) -> None:
    assert confirm("hub.mode=subscribe&hub.verify_token=&hub.challenge=1", verify_token=token) is None


@fuzz_settings
@given(st.text())
def test_any_query_is_answered_or_not_without_complaint(query: str) -> None:
    assert confirm(query) is None


def test_a_webhook_is_parsed_for_our_own_number() -> None:
    source = Source("whatsapp", "", hashlib.sha256(BODY).hexdigest(), BODY)
    ours, others = MetaReceiver(configure_meta()), MetaReceiver(configure_meta(phone_number_id="999999"))
    assert [message.text for message in ours.parse(source).messages] == ["Where is my order?"]
    assert others.parse(source).ignored == ("unknown inbox",)
