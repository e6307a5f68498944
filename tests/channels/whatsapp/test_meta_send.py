"""What a send through the Cloud API ends in, and what may be tried again."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import SecretStr

from channels.base import DeliveryFailed, DeliveryUncertain, InboxBlocked, RateLimited, SignInNeeded, WindowClosed
from channels.whatsapp.meta.problem import describe_error, read_refusal
from channels.whatsapp.meta.send import MetaProvider
from channels.whatsapp.provider import Provider, ProviderUnavailable
from core.errors import OperatorError
from database.types import WhatsAppPath
from tests.acceptance.processes import find_free_port
from tests.channels.whatsapp.meta_account import BY_PHONE, OUTBOX_ID, build_outbound, configure_meta
from tests.emulators.meta import serve_meta
from tests.emulators.meta_cloud import MetaCloud
from tests.emulators.meta_payloads import NUMBER_ID, PHONE, USER_ID


@pytest.fixture
async def cloud() -> AsyncIterator[MetaCloud]:
    """The vendor."""
    async with serve_meta() as running:
        yield running


def make_provider(cloud: MetaCloud, timeout_seconds: float = 5.0, **changes: Any) -> MetaProvider:
    return MetaProvider(configure_meta(api_url=cloud.api_url, **changes), timeout_seconds=timeout_seconds)


async def test_an_accepted_reply_has_a_receipt_and_holds_the_next_for_six_seconds(cloud: MetaCloud) -> None:
    provider: Provider = make_provider(cloud)
    receipt = await provider.send(build_outbound("Hello, Alice"), BY_PHONE)
    (accepted,) = cloud.accepted
    assert receipt.vendor_id == accepted.id
    assert receipt.hold_seconds == 6.0
    assert (accepted.text, accepted.address, accepted.outbox) == ("Hello, Alice", f"+{PHONE}", str(OUTBOX_ID))
    assert provider.inbox == NUMBER_ID


async def test_a_customer_without_a_number_is_reached_by_id(cloud: MetaCloud) -> None:
    await make_provider(cloud).send(build_outbound(), WhatsAppPath(provider="meta", user_id=USER_ID))
    assert cloud.seen[0]["recipient"] == USER_ID
    assert "to" not in cloud.seen[0]


async def test_a_customer_without_any_address_is_a_permanent_failure(cloud: MetaCloud) -> None:
    with pytest.raises(DeliveryFailed) as failure:
        await make_provider(cloud).send(build_outbound(), WhatsAppPath(provider="meta"))
    assert failure.value.permanent
    assert cloud.seen == []


async def test_a_reply_of_4096_characters_is_sent_and_a_longer_one_is_not(cloud: MetaCloud) -> None:
    await make_provider(cloud).send(build_outbound("x" * 4_096), BY_PHONE)
    with pytest.raises(DeliveryFailed) as failure:
        await make_provider(cloud).send(build_outbound("x" * 4_097), BY_PHONE)
    assert failure.value.permanent
    assert len(cloud.accepted) == 1


async def test_a_template_names_the_customer_and_the_ticket(cloud: MetaCloud) -> None:
    await make_provider(cloud).send_template(build_outbound(kind="template"), BY_PHONE)
    (accepted,) = cloud.accepted
    assert accepted.kind == "template"
    assert accepted.body["template"]["name"] == "come_back"
    assert accepted.body["template"]["language"] == {"code": "en"}
    (body,) = accepted.body["template"]["components"]
    assert [parameter["text"] for parameter in body["parameters"]] == ["Alice", "TF-20261121-0001"]


@pytest.mark.parametrize("name", ["", "   ", "\n\t"])
async def test_no_variable_of_a_template_is_ever_empty(cloud: MetaCloud, name: str) -> None:
    await make_provider(cloud).send_template(build_outbound(customer_name=name, ticket_ref=""), BY_PHONE)
    (body,) = cloud.accepted[0].body["template"]["components"]
    assert [parameter["text"] for parameter in body["parameters"]] == ["there", "–"]


async def test_without_a_template_nobody_is_invited_back(cloud: MetaCloud) -> None:
    provider = make_provider(cloud, template_name=None)
    assert not provider.has_template
    with pytest.raises(DeliveryFailed) as failure:
        await provider.send_template(build_outbound(), BY_PHONE)
    assert failure.value.permanent


async def test_a_429_is_tried_again_after_the_time_that_meta_asks_for(cloud: MetaCloud) -> None:
    cloud.break_next("messages", "429")
    with pytest.raises(RateLimited) as failure:
        await make_provider(cloud).send(build_outbound(), BY_PHONE)
    assert failure.value.retry_after == 7.0


@pytest.mark.parametrize(
    ("status", "code", "asked", "seconds"),
    [
        (400, 4, None, 60.0),
        (400, 80007, None, 60.0),
        (400, 130429, None, 10.0),
        (500, 130429, 3.0, 3.0),
        (400, 131057, None, 300.0),
        (429, 999_999, None, 30.0),
        (429, None, None, 30.0),
        (429, 4, 3_000.0, 300.0),
    ],
)
def test_a_limit_of_the_account_holds_for_the_whole_inbox(
    status: int, code: int | None, asked: float | None, seconds: float
) -> None:
    refusal = read_refusal(status, {} if code is None else {"code": code}, asked)
    assert isinstance(refusal, RateLimited)
    assert refusal.retry_after == seconds


@pytest.mark.parametrize("status", [400, 429])
def test_the_limit_for_one_customer_lets_this_reply_alone_wait(status: int) -> None:
    refusal = read_refusal(status, {"code": 131056}, None)
    assert type(refusal) is DeliveryFailed
    assert (refusal.permanent, refusal.retry_after) == (False, 6.0)


@pytest.mark.parametrize("fault", ["500", "error:131056", "error:130429", "error:4"])
async def test_a_refusal_that_says_it_was_not_sent_is_tried_again(cloud: MetaCloud, fault: str) -> None:
    cloud.break_next("messages", fault)
    with pytest.raises(DeliveryFailed) as failure:
        await make_provider(cloud).send(build_outbound(), BY_PHONE)
    assert not failure.value.permanent
    assert cloud.accepted == []


@pytest.mark.parametrize(("fault", "accepted"), [("drop", 1), ("accept-500", 1), ("refuse", 0), ("html", 0)])
async def test_an_answer_that_does_not_come_or_says_nothing_leaves_the_fate_open(
    cloud: MetaCloud, fault: str, accepted: int
) -> None:
    cloud.break_next("messages", fault)
    with pytest.raises(DeliveryUncertain):
        await make_provider(cloud).send(build_outbound(), BY_PHONE)
    assert len(cloud.accepted) == accepted


async def test_a_timeout_after_the_request_leaves_the_fate_open_and_the_reply_is_sent_once(cloud: MetaCloud) -> None:
    cloud.break_next("messages", "slow:2.0")
    with pytest.raises(DeliveryUncertain):
        await make_provider(cloud, timeout_seconds=1.0).send(build_outbound(), BY_PHONE)
    await make_provider(cloud).send(build_outbound("another"), BY_PHONE)
    assert len(cloud.seen) == 2


async def test_a_vendor_that_cannot_be_reached_surely_did_not_take_it() -> None:
    settings = configure_meta(api_url=f"http://127.0.0.1:{find_free_port()}/v23.0")
    with pytest.raises(DeliveryFailed) as failure:
        await MetaProvider(settings).send(build_outbound(), BY_PHONE)
    assert not failure.value.permanent


async def test_a_wrong_token_needs_somebody_to_sign_in(cloud: MetaCloud) -> None:
    provider = make_provider(cloud, access_token=SecretStr("expired-token-of-ours"))
    with pytest.raises(SignInNeeded) as failure:
        await provider.send(build_outbound(), BY_PHONE)
    assert "expired-token-of-ours" not in str(failure.value)
    assert "expired-token-of-ours" not in repr(provider)


async def test_a_number_that_the_token_may_not_use_needs_somebody_to_sign_in(cloud: MetaCloud) -> None:
    with pytest.raises(SignInNeeded):
        await make_provider(cloud, phone_number_id="999999").send(build_outbound(), BY_PHONE)


@pytest.mark.parametrize("code", [0, 3, 10, 131005, 190, 200, 230, 299])
def test_codes_about_the_token_need_somebody_to_sign_in(code: int) -> None:
    assert isinstance(read_refusal(401, {"code": code, "message": "Malformed access token EAAB"}, None), SignInNeeded)


def test_a_401_without_a_reason_is_about_the_token_too() -> None:
    assert isinstance(read_refusal(401, {}, None), SignInNeeded)


@pytest.mark.parametrize("code", [368, 131031, 131037, 131042, 131044, 131045, 131048, 131064, 133010])
def test_codes_about_the_account_let_the_other_provider_take_over(code: int) -> None:
    refusal = read_refusal(403, {"code": code}, None)
    assert isinstance(refusal, ProviderUnavailable)
    assert isinstance(refusal, InboxBlocked)


@pytest.mark.parametrize("code", [4, 80007, 130429, 131000, 131016, 131056, 131057])
@pytest.mark.parametrize("status", [400, 429, 500, 503])
def test_codes_that_pass_are_tried_again_whatever_the_status(code: int, status: int) -> None:
    refusal = read_refusal(status, {"code": code}, None)
    assert isinstance(refusal, DeliveryFailed)
    assert not refusal.permanent


@pytest.mark.parametrize("code", [100, 130497, 131008, 131009, 131021, 131026, 131049, 131050, 131051, 132000, 132015])
def test_codes_about_the_message_are_permanent(code: int) -> None:
    refusal = read_refusal(400, {"code": code}, None)
    assert isinstance(refusal, DeliveryFailed)
    assert refusal.permanent
    assert not isinstance(refusal, InboxBlocked | WindowClosed)


def test_the_closed_window_is_told_apart() -> None:
    assert isinstance(read_refusal(400, {"code": 131047}, None), WindowClosed)


def test_a_refusal_that_meta_calls_transient_is_tried_again() -> None:
    refusal = read_refusal(400, {"code": 999_999, "is_transient": True}, None)
    assert isinstance(refusal, DeliveryFailed)
    assert not refusal.permanent


@pytest.mark.parametrize("status", [302, 500, 502, 503])
@pytest.mark.parametrize("error", [{}, {"code": 1}, {"code": 2, "is_transient": True}, {"code": 0}, {"code": "x"}])
def test_a_failure_without_a_statement_leaves_the_fate_open(status: int, error: dict[str, object]) -> None:
    refusal = read_refusal(status, error, None)
    assert isinstance(refusal, DeliveryUncertain) or (status < 500 and error.get("code") == 0)


@pytest.mark.parametrize("status", [400, 403, 404, 408, 413])
def test_a_refusal_by_something_before_meta_is_tried_again(status: int) -> None:
    refusal = read_refusal(status, {}, None)
    assert isinstance(refusal, DeliveryFailed)
    assert not refusal.permanent


def test_a_reason_does_not_repeat_numbers_or_tokens() -> None:
    said = str(
        read_refusal(400, {"code": 131030, "message": "+49 15112345678 not in list; token EAAB" + "x" * 40}, None)
    )
    assert "15112345678" not in said
    assert "EAAB" not in said


def test_an_error_without_words_or_code_is_still_described() -> None:
    assert describe_error({}) == "Meta: no reason given"
    assert describe_error({"code": 131026}) == "Meta 131026: no reason given"


@pytest.mark.parametrize("answer", [b"", b"[]", b"{}", b'{"messages": []}', b'{"messages": [{"id": ""}]}', b"<html>"])
async def test_a_success_that_names_no_message_leaves_the_fate_open(answer: bytes) -> None:
    async with serve_meta() as cloud:
        cloud.break_next("messages", f"answer:{answer.decode()}")
        with pytest.raises(DeliveryUncertain):
            await make_provider(cloud).send(build_outbound(), BY_PHONE)


def test_a_number_without_a_token_is_a_mistake_that_the_operator_can_mend() -> None:
    with pytest.raises(OperatorError):
        MetaProvider(configure_meta(access_token=None))


async def test_the_reply_is_not_repeated_by_any_layer_below(cloud: MetaCloud) -> None:
    cloud.break_next("messages", "drop", "429", "html")
    for _ in range(3):
        with pytest.raises((DeliveryFailed, DeliveryUncertain)):
            await make_provider(cloud).send(build_outbound(), BY_PHONE)
    assert len(cloud.seen) == 3
    assert json.dumps(cloud.seen[0]) == json.dumps(cloud.seen[2])
