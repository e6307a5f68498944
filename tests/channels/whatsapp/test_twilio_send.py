"""A reply goes to Twilio once, and its answer is read for what it says about the message."""

import json
import socket

import pytest
from pydantic import SecretStr

from channels.base import (
    DeliveryFailed,
    DeliveryUncertain,
    InboxBlocked,
    RateLimited,
    Receipt,
    SignInNeeded,
    WindowClosed,
)
from channels.whatsapp.twilio.send import TwilioProvider, write_variables
from core.errors import OperatorError
from database.types import WhatsAppPath
from tests.channels.whatsapp.twilio_samples import CUSTOMER, NUMBER, TOKEN, USER_ID, make_reply, make_settings, point_at
from tests.emulators.twilio_state import Fault, State

PATH = WhatsAppPath(provider="twilio", phone=CUSTOMER)
PUBLIC = "http://127.0.0.1:9"


def provide(twilio: State, *, timeout: float = 5.0, public_url: str | None = None, **changes: object) -> TwilioProvider:
    return TwilioProvider(point_at(twilio, **changes), public_url=public_url, timeout_seconds=timeout)


async def fail(twilio: State, fault: Fault, *, patience: float = 5.0) -> Exception:
    twilio.faults.append(fault)
    with pytest.raises(Exception) as caught:  # noqa: PT011  # which one it is, the test asks
        await provide(twilio, timeout=patience).send(make_reply(), PATH)
    assert CUSTOMER not in str(caught.value)
    assert TOKEN not in str(caught.value)
    assert twilio.requests["create"] == 1, "a send was repeated"
    return caught.value


async def test_a_reply_is_accepted_once_with_our_id_in_the_callback(twilio: State) -> None:
    reply = make_reply()
    receipt = await provide(twilio, public_url=PUBLIC).send(reply, PATH)
    (message,) = twilio.list_outbound()
    assert receipt == Receipt(vendor_id=message.sid, hold_seconds=6.0)
    assert (message.sender, message.to, message.body) == (f"whatsapp:{NUMBER}", f"whatsapp:{CUSTOMER}", reply.text)
    assert message.callback == f"{PUBLIC}/webhooks/whatsapp/status?outbox={reply.id}"
    assert message.outbox == str(reply.id)


async def test_the_callback_says_where_twilio_stands_in_for_meta(twilio: State) -> None:
    reply = make_reply(path=WhatsAppPath(provider="meta", phone=CUSTOMER), inbox="106540352242922")
    await provide(twilio, public_url=PUBLIC).send(reply, PATH)
    (message,) = twilio.list_outbound()
    assert message.callback == f"{PUBLIC}/webhooks/whatsapp/status?outbox={reply.id}&for=meta"
    assert message.outbox == str(reply.id)


async def test_without_a_public_url_no_callback_is_asked_for(twilio: State) -> None:
    await provide(twilio).send(make_reply(), PATH)
    assert twilio.list_outbound()[0].callback is None


async def test_a_customer_without_a_number_is_reached_by_their_user_id(twilio: State) -> None:
    await provide(twilio).send(make_reply(), WhatsAppPath(provider="twilio", user_id=USER_ID))
    assert twilio.list_outbound()[0].to == f"whatsapp:{USER_ID}"


async def test_a_customer_without_any_address_is_a_permanent_failure(twilio: State) -> None:
    with pytest.raises(DeliveryFailed) as caught:
        await provide(twilio).send(make_reply(), WhatsAppPath(provider="twilio"))
    assert caught.value.permanent
    assert twilio.requests["create"] == 0


async def test_a_text_that_twilio_would_refuse_is_not_even_offered(twilio: State) -> None:
    await provide(twilio).send(make_reply("😀" * 800), PATH)
    with pytest.raises(DeliveryFailed) as caught:
        await provide(twilio).send(make_reply("😀" * 800 + "x"), PATH)
    assert caught.value.permanent
    assert twilio.requests["create"] == 1


async def test_a_template_is_sent_by_its_id_and_without_words_of_ours(twilio: State) -> None:
    receipt = await provide(twilio).send_template(make_reply(kind="template"), PATH)
    (message,) = twilio.list_outbound()
    assert receipt.vendor_id == message.sid
    assert message.content_sid == "HX" + "0" * 32
    assert json.loads(message.content_variables or "") == {"1": "Alice", "2": "TF-20261121-0001"}
    assert "mailbox" not in message.body


async def test_without_a_template_none_is_sent(twilio: State) -> None:
    provider = provide(twilio, template_sid=None)
    assert not provider.has_template
    with pytest.raises(DeliveryFailed) as caught:
        await provider.send_template(make_reply(), PATH)
    assert caught.value.permanent


@pytest.mark.parametrize(
    ("name", "ref", "expected"),
    [
        ("Alice Byron", "TF-1", ("Alice", "TF-1")),
        ("", "", ("there", "–")),
        (" \n ", "TF\n-1", ("there", "TF -1")),
        ("x" * 2_000, "TF-1", ("x" * 1_024, "TF-1")),
        ('A"b\\', "a      b", ('A"b\\', "a b")),
    ],
)
def test_variables_are_as_templates_allow_them(name: str, ref: str, expected: tuple[str, str]) -> None:
    variables = json.loads(write_variables(make_reply(customer_name=name, ticket_ref=ref)))
    assert (variables["1"], variables["2"]) == expected


@pytest.mark.parametrize("code", [21610, 21211, 63003, 63013, 63021, 63024, 21617, 99999])
async def test_a_refusal_of_this_message_is_permanent(twilio: State, code: int) -> None:
    error = await fail(twilio, Fault("create", "error", status=400, code=code))
    assert isinstance(error, DeliveryFailed)
    assert error.permanent
    assert str(code) in str(error)
    assert not twilio.messages


async def test_twilio_itself_refuses_who_opted_out(twilio: State) -> None:
    twilio.opted_out.add(CUSTOMER)
    with pytest.raises(DeliveryFailed, match="opted out") as caught:
        await provide(twilio).send(make_reply(), PATH)
    assert caught.value.permanent


async def test_a_closed_window_is_told_from_other_refusals(twilio: State) -> None:
    assert isinstance(await fail(twilio, Fault("create", "error", status=400, code=63016)), WindowClosed)


@pytest.mark.parametrize(
    ("status", "code", "asked", "seconds"),
    [
        (429, 20429, 7, 7.0),
        (429, 20429, None, 5.0),
        (429, 20429, 3_000, 300.0),
        (429, 99999, None, 30.0),
        (400, 63017, None, 5.0),
    ],
)
async def test_a_request_for_patience_holds_for_the_whole_inbox(
    twilio: State, status: int, code: int, asked: int | None, seconds: float
) -> None:
    error = await fail(twilio, Fault("create", "error", status=status, code=code, retry_after=asked))
    assert isinstance(error, RateLimited)
    assert error.retry_after == seconds


async def test_a_429_of_something_on_the_way_holds_for_the_whole_inbox(twilio: State) -> None:
    assert isinstance(await fail(twilio, Fault("create", "html", status=429)), RateLimited)


@pytest.mark.parametrize(("code", "seconds"), [(63018, 60.0), (14107, 30.0)])
async def test_a_limit_that_may_be_this_customers_alone_lets_this_reply_wait(
    twilio: State, code: int, seconds: float
) -> None:
    error = await fail(twilio, Fault("create", "error", status=400, code=code))
    assert type(error) is DeliveryFailed
    assert (error.permanent, error.retry_after) == (False, seconds)


@pytest.mark.parametrize("status", [302, 403, 404])
async def test_a_refusal_by_something_on_the_way_passes(twilio: State, status: int) -> None:
    error = await fail(twilio, Fault("create", "html", status=status))
    assert isinstance(error, DeliveryFailed)
    assert not error.permanent


@pytest.mark.parametrize("code", [63038, 63007, 30002, 90010])
async def test_a_refusal_of_the_whole_account_blocks_the_inbox(twilio: State, code: int) -> None:
    error = await fail(twilio, Fault("create", "error", status=400, code=code))
    assert isinstance(error, InboxBlocked)
    assert error.retry_after is not None
    assert error.retry_after >= 900


async def test_wrong_credentials_ask_for_a_sign_in(twilio: State) -> None:
    with pytest.raises(SignInNeeded):
        await provide(twilio, auth_token=SecretStr("wrong")).send(make_reply(), PATH)
    assert not twilio.messages


@pytest.mark.parametrize("kind", ["html", "accepted_html"])
async def test_a_503_in_html_leaves_it_open(twilio: State, kind: str) -> None:
    error = await fail(twilio, Fault("create", kind, status=503))  # type: ignore[arg-type]  # one of its kinds
    assert isinstance(error, DeliveryUncertain)


async def test_a_500_of_twilios_own_leaves_it_open(twilio: State) -> None:
    assert isinstance(await fail(twilio, Fault("create", "error", status=500, code=20500)), DeliveryUncertain)


@pytest.mark.parametrize("kind", ["accepted_drop", "accepted_garbled"])
async def test_an_answer_that_is_lost_after_acceptance_leaves_it_open(twilio: State, kind: str) -> None:
    error = await fail(twilio, Fault("create", kind))  # type: ignore[arg-type]  # one of its kinds
    assert isinstance(error, DeliveryUncertain)
    assert len(twilio.list_outbound()) == 1


async def test_a_connection_that_is_dropped_before_acceptance_leaves_it_open_too(twilio: State) -> None:
    assert isinstance(await fail(twilio, Fault("create", "drop")), DeliveryUncertain)
    assert not twilio.messages


async def test_an_answer_that_comes_too_late_leaves_it_open(twilio: State) -> None:
    error = await fail(twilio, Fault("create", "accepted_slow", seconds=2.0), patience=1.0)
    assert isinstance(error, DeliveryUncertain)
    assert len(twilio.list_outbound()) == 1


async def test_where_nobody_listens_the_message_was_surely_not_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    for host in (f"http://127.0.0.1:{port}", "http://no-such-host.invalid"):
        with pytest.raises(DeliveryFailed) as caught:
            await TwilioProvider(make_settings(api_url=host)).send(make_reply(), PATH)
        assert not caught.value.permanent
        assert CUSTOMER not in str(caught.value)


def test_a_provider_needs_an_account_a_password_and_a_number() -> None:
    for missing in ("account_sid", "auth_token", "number"):
        with pytest.raises(OperatorError):
            TwilioProvider(make_settings(**{missing: None}))


async def test_the_environment_of_the_process_changes_nothing(twilio: State, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TWILIO_EDGE", "TWILIO_REGION", "TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN"):
        monkeypatch.setenv(name, "sydney")
    await provide(twilio).send(make_reply(), PATH)
    assert len(twilio.list_outbound()) == 1
