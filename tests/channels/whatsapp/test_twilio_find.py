"""A reply whose answer was lost is found at Twilio, or surely is not there."""

import socket
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from channels.base import DeliveryUncertain, SignInNeeded, VendorAway
from channels.whatsapp.twilio.find import TwilioReconciler
from channels.whatsapp.twilio.send import TwilioProvider
from database.types import OutboundMessage, WhatsAppPath
from tests.channels.whatsapp.twilio_samples import CUSTOMER, make_reply, make_settings, point_at
from tests.emulators.twilio_state import Fault, State

PATH = WhatsAppPath(provider="twilio", phone=CUSTOMER)


def tried(**changes: Any) -> OutboundMessage:
    return make_reply(tried_at=datetime.now(UTC), **changes)


async def send(twilio: State, message: OutboundMessage) -> str:
    return (await TwilioProvider(point_at(twilio)).send(message, PATH)).vendor_id or ""


async def test_what_was_accepted_before_the_connection_broke_is_found(twilio: State) -> None:
    twilio.faults.append(Fault("create", "accepted_drop"))
    message = tried()
    with pytest.raises(DeliveryUncertain):
        await send(twilio, message)
    receipt = await TwilioReconciler(point_at(twilio)).find(message)
    assert receipt is not None
    assert receipt.vendor_id == twilio.list_outbound()[0].sid
    assert receipt.hold_seconds == 6.0


async def test_what_was_never_accepted_is_surely_not_there(twilio: State) -> None:
    twilio.faults.append(Fault("create", "drop"))
    message = tried()
    with pytest.raises(DeliveryUncertain):
        await send(twilio, message)
    assert await TwilioReconciler(point_at(twilio)).find(message) is None


async def test_the_same_words_sent_earlier_are_another_message(twilio: State) -> None:
    known = await send(twilio, tried())
    reconciler = TwilioReconciler(point_at(twilio))
    assert await reconciler.find(tried(known_vendor_ids=frozenset({known}))) is None
    twilio.messages[known].created -= timedelta(minutes=15)
    assert await reconciler.find(tried()) is None


async def test_other_words_other_customers_and_their_own_messages_are_not_it(twilio: State) -> None:
    message = tried()
    await send(twilio, replace(message, text="Something else"))
    elsewhere = WhatsAppPath(provider="twilio", phone="+15550222")
    await TwilioProvider(point_at(twilio)).send(message, elsewhere)
    only = twilio.messages[await send(twilio, message)]
    only.direction = "inbound"
    assert await TwilioReconciler(point_at(twilio)).find(message) is None


async def test_a_message_that_waits_in_twilios_queue_is_found(twilio: State) -> None:
    message = tried()
    twilio.messages[await send(twilio, message)].sent = None
    assert await TwilioReconciler(point_at(twilio)).find(message) is not None


async def test_of_several_the_earliest_is_taken_so_that_nothing_is_sent_again(twilio: State) -> None:
    message = tried()
    first, second = await send(twilio, message), await send(twilio, message)
    twilio.messages[second].created += timedelta(seconds=2)
    receipt = await TwilioReconciler(point_at(twilio)).find(message)
    assert receipt is not None
    assert receipt.vendor_id == first


@pytest.mark.parametrize("minutes", [-9, 9])
async def test_a_clock_that_differs_by_minutes_hides_nothing(twilio: State, minutes: int) -> None:
    twilio.clock_skew = timedelta(minutes=minutes)
    message = tried()
    sid = await send(twilio, message)
    receipt = await TwilioReconciler(point_at(twilio)).find(message)
    assert receipt is not None
    assert receipt.vendor_id == sid


async def test_white_space_that_twilio_trims_hides_nothing(twilio: State) -> None:
    message = tried(text="Two\r\nlines ")
    twilio.messages[await send(twilio, message)].body = "Two\nlines"
    assert await TwilioReconciler(point_at(twilio)).find(message) is not None


async def test_a_template_is_found_although_its_words_are_twilios(twilio: State) -> None:
    message = tried(kind="template")
    await TwilioProvider(point_at(twilio)).send_template(message, PATH)
    assert await TwilioReconciler(point_at(twilio)).find(message) is not None


async def test_more_messages_than_a_page_cannot_be_looked_through(twilio: State) -> None:
    message = tried()
    template = twilio.messages[await send(twilio, replace(message, text="Something else"))]
    for number in range(1_000):
        twilio.messages[f"SM{number}"] = replace(template, sid=f"SM{number}")
    with pytest.raises(VendorAway):
        await TwilioReconciler(point_at(twilio)).find(message)


@pytest.mark.parametrize(
    "fault",
    [
        Fault("list", "html"),
        Fault("list", "error", status=500),
        Fault("list", "drop"),
        Fault("list", "error", status=429),
    ],
)
async def test_where_twilio_does_not_answer_nothing_is_known(twilio: State, fault: Fault) -> None:
    twilio.faults.append(replace(fault))
    with pytest.raises(VendorAway) as caught:
        await TwilioReconciler(point_at(twilio)).find(tried())
    assert CUSTOMER not in str(caught.value)


async def test_where_nobody_listens_nothing_is_known() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(VendorAway):
        await TwilioReconciler(make_settings(api_url=f"http://127.0.0.1:{port}")).find(tried())


async def test_wrong_credentials_ask_for_a_sign_in(twilio: State) -> None:
    with pytest.raises(SignInNeeded):
        await TwilioReconciler(point_at(twilio, auth_token=SecretStr("wrong"))).find(tried())


async def test_without_a_time_or_an_address_nothing_is_looked_for(twilio: State) -> None:
    for message in (make_reply(), tried(path=None), tried(path=WhatsAppPath(provider="twilio"))):
        with pytest.raises(VendorAway):
            await TwilioReconciler(point_at(twilio)).find(message)
    assert twilio.requests["list"] == 0
