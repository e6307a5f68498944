"""Only what Twilio signed is taken, and nothing a stranger sends becomes a server error."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from starlette.datastructures import FormData, UploadFile
from twilio.request_validator import HMAC_SHA256, RequestValidator

from channels.base import BadSignature, WebhookRequest
from channels.whatsapp.twilio.receive import TwilioReceiver, TwilioStatusReceiver
from tests.channels.whatsapp.twilio_samples import (
    MEDIA,
    MESSAGES,
    STATUS,
    TEXT,
    TOKEN,
    URL,
    make_request,
    make_settings,
)
from tests.fuzz import fuzz_settings

KEY = "webhooks_sharedkey_1"
SHARED = "shared-secret"
SETTINGS_HEADER = "x-twilio-webhooks-signature-settings"


async def take(request: WebhookRequest, **changes: object) -> None:
    await TwilioReceiver(make_settings(**changes)).verify(request)


async def refuse(request: WebhookRequest, **changes: object) -> int:
    with pytest.raises(BadSignature) as caught:
        await take(request, **changes)
    assert TOKEN not in str(caught.value)
    return caught.value.status


def sign_shared(fields: dict[str, str], *, algorithm: str = HMAC_SHA256, secret: str = SHARED) -> str:
    return str(RequestValidator(secret).compute_signature(URL, fields, algorithm))


@pytest.mark.parametrize("fields", MESSAGES, ids=lambda fields: str(fields["MessageType"]))
async def test_what_twilio_signed_is_taken(fields: dict[str, str]) -> None:
    await take(make_request(fields))


async def test_a_status_is_verified_with_its_query() -> None:
    url = f"{URL}/status?outbox=00000000-0000-0000-0000-000000000005"
    receiver = TwilioStatusReceiver(make_settings())
    await receiver.verify(make_request(STATUS, url=url))
    signed = make_request(STATUS, url=url)
    with pytest.raises(BadSignature):
        await receiver.verify(WebhookRequest(f"{URL}/status", signed.headers, signed.body))


async def test_a_missing_signature_is_401() -> None:
    assert await refuse(make_request(TEXT, signature="")) == 401
    assert await refuse(make_request(TEXT, signature="  ")) == 401
    assert await refuse(WebhookRequest(URL, {}, b"")) == 401


@pytest.mark.parametrize("signature", ["x", "=", "é", "A" * 28, "b" * 10_000, "ZmFrZQ=="])
async def test_a_wrong_signature_is_403(signature: str) -> None:
    assert await refuse(make_request(TEXT, signature=signature)) == 403


async def test_the_signature_of_another_account_is_403() -> None:
    assert await refuse(make_request(TEXT), auth_token=SecretStr("another")) == 403


@pytest.mark.parametrize(
    "changed",
    [
        TEXT | {"Body": "Pay me"},
        TEXT | {"Extra": "1"},
        {name: TEXT[name] for name in list(TEXT)[1:]},
        TEXT | {"Body": ""},
    ],
)
async def test_a_changed_added_or_lost_field_is_403(changed: dict[str, str]) -> None:
    signature = RequestValidator(TOKEN).compute_signature(URL, TEXT)
    assert await refuse(make_request(changed, signature=signature)) == 403


async def test_blank_fields_are_signed_too() -> None:
    await take(make_request(TEXT | {"Body": "", "Label": ""}))
    signature = RequestValidator(TOKEN).compute_signature(URL, TEXT | {"Body": ""})
    body = make_request(TEXT).body.replace(b"Body=Where+is+my+invoice%3F&", b"")
    assert await refuse(make_request({}, signature=signature, body=body)) == 403


async def test_repeated_fields_count_as_twilio_counts_them() -> None:
    pairs: list[tuple[str, str | UploadFile]] = [
        ("MessageSid", "SM1"),
        ("From", "whatsapp:+15550111"),
        ("Tag", "b"),
        ("Tag", "a"),
        ("Tag", ""),
    ]
    signature = RequestValidator(TOKEN).compute_signature(URL, FormData(pairs))
    body = b"MessageSid=SM1&From=whatsapp%3A%2B15550111&Tag=b&Tag=a&Tag="
    await take(make_request({}, signature=signature, body=body))
    assert await refuse(make_request({}, signature=signature, body=body.replace(b"Tag=b&", b""))) == 403


@pytest.mark.parametrize("signed", [URL, URL.replace(".com/", ".com:443/")])
@pytest.mark.parametrize("configured", [URL, URL.replace(".com/", ".com:443/")])
async def test_either_form_of_the_port_is_taken(signed: str, configured: str) -> None:
    request = make_request(TEXT, url=signed)
    await take(WebhookRequest(configured, request.headers, request.body))


@pytest.mark.parametrize(
    "other", [URL.replace("https", "http"), f"{URL}?a=1", f"{URL}/", URL.replace("desk", "other"), URL + "%20", ""]
)
async def test_another_url_is_403(other: str) -> None:
    request = make_request(TEXT)
    assert await refuse(WebhookRequest(other, request.headers, request.body)) == 403


async def test_a_bare_question_mark_that_twilio_signed_is_403_and_no_error() -> None:
    # No web server tells an empty query from none, so such an address cannot work and must not be configured.
    assert await refuse(make_request(TEXT, url=URL + "?")) == 403


async def test_encoded_characters_of_the_query_are_kept_as_they_came() -> None:
    await take(make_request(TEXT, url=f"{URL}?name=A%20B+c%2f&blank="))


@pytest.mark.parametrize(
    "url", ["https://[::1", "https://desk.example.com:99999/x", "https://[/x?y", "::", "http://a:b/"]
)
async def test_an_odd_url_is_403_and_no_error(url: str) -> None:
    assert await refuse(make_request(TEXT, url=url, signature="x")) == 403


async def test_the_newer_header_is_verified_with_its_shared_key() -> None:
    headers = {SETTINGS_HEADER: f"key={KEY},algorithm=HMAC_SHA256"}
    request = make_request(TEXT, signature=sign_shared(TEXT), headers=headers)
    await take(request, signing_keys={KEY: SecretStr(SHARED)})
    assert await refuse(request) == 403
    assert await refuse(request, signing_keys={KEY: SecretStr("another")}) == 403
    assert await refuse(request, signing_keys={"another": SecretStr(SHARED)}) == 403


async def test_an_algorithm_must_be_the_one_that_was_used() -> None:
    keys = {KEY: SecretStr(SHARED)}
    for named, used in (("HMAC_SHA1", HMAC_SHA256), ("HMAC_SHA256", "HMAC_SHA1"), ("HMAC_MD5", HMAC_SHA256)):
        headers = {SETTINGS_HEADER: f"key={KEY},algorithm={named}"}
        request = make_request(TEXT, signature=sign_shared(TEXT, algorithm=used), headers=headers)
        assert await refuse(request, signing_keys=keys) == 403


async def test_a_header_without_a_key_means_the_auth_token() -> None:
    signature = RequestValidator(TOKEN).compute_signature(URL, TEXT, HMAC_SHA256)
    await take(make_request(TEXT, signature=signature, headers={SETTINGS_HEADER: " algorithm = HMAC_SHA256 "}))


async def test_a_body_that_is_no_form_needs_its_hash_in_the_url() -> None:
    body = b'{"MessageSid": "SM1"}'
    headers = {"content-type": "application/json"}
    plain = RequestValidator(TOKEN).compute_signature(URL, {})
    assert await refuse(make_request({}, signature=plain, headers=headers, body=body)) == 403
    url = f"{URL}?bodySHA256={RequestValidator(TOKEN).compute_hash(body.decode())}"
    signature = RequestValidator(TOKEN).compute_signature(url, {})
    await take(make_request({}, url=url, signature=signature, headers=headers, body=body))
    assert await refuse(make_request({}, url=url, signature=signature, headers=headers, body=body + b" ")) == 403


async def test_a_hash_in_the_url_does_not_vouch_for_a_form() -> None:
    url = f"{URL}?bodySHA256={RequestValidator(TOKEN).compute_hash('')}"
    signature = RequestValidator(TOKEN).compute_signature(url, {})
    assert await refuse(make_request(TEXT, url=url, signature=signature)) == 403


async def test_without_a_token_nothing_is_taken() -> None:
    assert await refuse(make_request(TEXT), auth_token=None) == 403


async def test_only_the_explicit_switch_lets_unsigned_webhooks_in() -> None:
    await take(make_request(TEXT, signature=""), require_signature=False)


async def test_bytes_that_are_not_utf_8_are_403_and_no_error() -> None:
    assert await refuse(make_request({}, signature="x", body=b"Body=%FF%FE\xff&=&&%00=%")) == 403


@fuzz_settings
@given(
    url=st.text(max_size=60) | st.sampled_from([URL, URL + "?bodySHA256=x"]),
    body=st.binary(max_size=60),
    signature=st.text(max_size=30),
    choice=st.text(max_size=40),
    content_type=st.sampled_from(["", "application/x-www-form-urlencoded", "application/json"]),
)
async def test_nothing_a_stranger_sends_is_taken_or_an_error(
    url: str, body: bytes, signature: str, choice: str, content_type: str
) -> None:
    headers = {"x-twilio-signature": signature, SETTINGS_HEADER: choice, "content-type": content_type}
    assert await refuse(WebhookRequest(url, headers, body)) in {401, 403}


async def test_the_answer_is_empty_twiml_and_nothing_is_ever_confirmed() -> None:
    receiver = TwilioReceiver(make_settings())
    assert receiver.answer == ("text/xml", "<Response/>")
    assert receiver.confirm(make_request(MEDIA)) is None
    assert receiver.channel == "whatsapp"
