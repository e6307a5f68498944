"""A message whose webhook was lost is fetched, and is the same message that its webhook would have brought."""

import base64
import json
import socket
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from hypothesis import given
from pydantic import SecretStr

from channels.base import MalformedSource, SignInNeeded, VendorAway
from channels.whatsapp.twilio.media import TwilioMedia
from channels.whatsapp.twilio.poll import TwilioPoller
from channels.whatsapp.twilio.receive import TwilioReceiver
from core.errors import OperatorError
from database.types import InboundMessage, Parsed, Source
from tests.channels.mutations import mutated_json
from tests.channels.whatsapp.twilio_samples import (
    CUSTOMER,
    NUMBER,
    USER_ID,
    make_settings,
    make_source,
    only_message,
    point_at,
)
from tests.emulators.twilio_state import Fault, State
from tests.emulators.twilio_webhooks import receive_message
from tests.fuzz import fuzz_settings

LATER = timedelta(minutes=5)


def poll(twilio: State, *, after: timedelta = LATER, **changes: object) -> TwilioPoller:
    """A poller some time after everything that happened so far."""
    return TwilioPoller(point_at(twilio, **changes), clock=lambda: datetime.now(UTC) + after)


async def start(twilio: State) -> str:
    """The cursor of this moment."""
    listing = await poll(twilio, after=timedelta(seconds=60)).list_new(None, None)
    assert listing.external_ids == ()
    return listing.cursor


async def fetch(poller: TwilioPoller, sid: str) -> InboundMessage:
    source = await poller.fetch(sid)
    assert source is not None
    assert source.external_id == sid
    assert source.inbox == NUMBER
    return only_message(poller.parse(source))


def lose(twilio: State, **fields: object) -> dict[str, str]:
    """A customer writes and no webhook comes; the fields that it would have had."""
    return receive_message(twilio, {"From": f"whatsapp:{CUSTOMER}", "Body": "Hello?", **fields})


@pytest.mark.parametrize("shown", [CUSTOMER, USER_ID])
async def test_a_lost_message_is_the_one_that_its_webhook_would_have_brought(twilio: State, shown: str) -> None:
    cursor = await start(twilio)
    fields = lose(twilio, From=f"whatsapp:{shown}", ExternalUserId=USER_ID, ProfileName="Alice")
    listing = await poll(twilio).list_new(cursor, None)
    assert listing.external_ids == (fields["MessageSid"],)
    fetched = await fetch(poll(twilio), fields["MessageSid"])
    brought = only_message(TwilioReceiver(point_at(twilio)).parse(make_source(fields)))
    assert fetched.thread_id == brought.thread_id
    assert (fetched.external_id, fetched.fingerprint, fetched.text) == (
        brought.external_id,
        brought.fingerprint,
        brought.text,
    )
    assert fetched.follows == fetched.known_as == brought.follows


async def test_a_fetched_message_tells_when_twilio_took_it_however_late_it_is_fetched(twilio: State) -> None:
    fields = lose(twilio)
    message = await fetch(poll(twilio), fields["MessageSid"])
    assert message.sent_at == twilio.messages[fields["MessageSid"]].created.replace(microsecond=0)


@pytest.mark.parametrize("shown", [None, "yesterday", 7, "Sat, 31 Feb 2026 99:00:00 +0000"])
async def test_a_time_that_cannot_be_read_is_none(twilio: State, shown: object) -> None:
    source = await poll(twilio).fetch(lose(twilio)["MessageSid"])
    assert source is not None
    content = json.loads(source.body)
    content["message"]["date_created"] = shown
    changed = replace(source, body=json.dumps(content).encode())
    assert only_message(poll(twilio).parse(changed)).sent_at is None


async def test_its_files_can_be_fetched_like_those_of_a_webhook(twilio: State) -> None:
    media = [{"content_type": "image/png", "base64": base64.b64encode(b"a picture").decode()}]
    sid = lose(twilio, Body="", media=media)["MessageSid"]
    message = await fetch(poll(twilio), sid)
    assert message.text == "(an image)"
    (attachment,) = message.attachments
    assert await TwilioMedia(point_at(twilio)).fetch(NUMBER, attachment, max_bytes=100) == b"a picture"


async def test_messages_come_oldest_first_and_over_all_pages(twilio: State) -> None:
    cursor = await start(twilio)
    expected = []
    for number in range(1_203):
        sid = lose(twilio, Body=str(number))["MessageSid"]
        twilio.messages[sid].created -= timedelta(milliseconds=1) * (1_203 - number)
        expected.append(sid)
    listing = await poll(twilio).list_new(cursor, None)
    assert twilio.requests["list"] == 2
    assert len(listing.external_ids) == 1_203
    assert set(listing.external_ids) == set(expected)


async def test_what_came_before_the_cursor_is_not_listed_again(twilio: State) -> None:
    sid = lose(twilio)["MessageSid"]
    first = await poll(twilio).list_new(await start(twilio), None)
    second = await poll(twilio, after=2 * LATER).list_new(first.cursor, None)
    assert first.external_ids == (sid,)
    assert second.external_ids == ()
    assert second.cursor > first.cursor


async def test_a_message_whose_webhook_may_still_come_is_left_for_the_next_round(twilio: State) -> None:
    cursor = await start(twilio)
    sid = lose(twilio)["MessageSid"]
    early = await poll(twilio, after=timedelta(seconds=30)).list_new(cursor, None)
    assert early.external_ids == ()
    assert (await poll(twilio).list_new(early.cursor, None)).external_ids == (sid,)


async def test_a_message_that_is_listed_late_is_not_skipped(twilio: State) -> None:
    first = await poll(twilio).list_new(await start(twilio), None)
    sid = lose(twilio)["MessageSid"]
    moment = datetime.fromisoformat(first.cursor) - timedelta(seconds=60)
    twilio.messages[sid].created = twilio.messages[sid].sent = moment
    assert (await poll(twilio, after=2 * LATER).list_new(first.cursor, None)).external_ids == (sid,)


@pytest.mark.parametrize("cursor", ["", "not a time", "2026-13-41"])
async def test_an_unreadable_cursor_is_made_good_by_the_last_sync(twilio: State, cursor: str) -> None:
    sid = lose(twilio)["MessageSid"]
    listing = await poll(twilio).list_new(cursor, datetime.now(UTC) - timedelta(hours=1))
    assert listing.external_ids == (sid,)
    assert (await poll(twilio).list_new(cursor, None)).external_ids == ()


async def test_our_own_messages_and_other_numbers_are_not_listed(twilio: State) -> None:
    cursor = await start(twilio)
    twilio.messages[lose(twilio)["MessageSid"]].direction = "outbound-api"
    twilio.messages[lose(twilio)["MessageSid"]].to = "whatsapp:+15550999"
    assert (await poll(twilio).list_new(cursor, None)).external_ids == ()


async def test_what_is_gone_is_none(twilio: State) -> None:
    assert await poll(twilio).fetch("SM404") is None


async def test_an_outgoing_message_is_ignored_when_parsed(twilio: State) -> None:
    sid = lose(twilio)["MessageSid"]
    twilio.messages[sid].direction = "outbound-api"
    source = await poll(twilio).fetch(sid)
    assert source is not None
    assert poll(twilio).parse(source) == Parsed(ignored=("not inbound",))


@pytest.mark.parametrize("fault", [Fault("list", "html"), Fault("list", "error", status=500), Fault("list", "drop")])
async def test_a_vendor_that_does_not_answer_is_away_when_listing(twilio: State, fault: Fault) -> None:
    cursor = await start(twilio)
    twilio.faults.append(fault)
    with pytest.raises(VendorAway):
        await poll(twilio).list_new(cursor, None)


@pytest.mark.parametrize("fault", [Fault("fetch", "html"), Fault("fetch", "error", status=429), Fault("fetch", "drop")])
async def test_a_vendor_that_does_not_answer_is_away_when_fetching(twilio: State, fault: Fault) -> None:
    sid = lose(twilio)["MessageSid"]
    twilio.faults.append(fault)
    with pytest.raises(VendorAway):
        await poll(twilio).fetch(sid)


async def test_where_nobody_listens_the_vendor_is_away() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(VendorAway):
        await TwilioPoller(make_settings(api_url=f"http://127.0.0.1:{port}")).fetch("SM1")


async def test_wrong_credentials_ask_for_a_sign_in(twilio: State) -> None:
    poller = poll(twilio, auth_token=SecretStr("wrong"))
    with pytest.raises(SignInNeeded):
        await poller.list_new(datetime.now(UTC).isoformat(), None)
    with pytest.raises(SignInNeeded):
        await poller.fetch("SM1")


async def test_it_waits_as_long_as_it_is_told_and_watches_nothing() -> None:
    waited: list[float] = []

    async def wait(seconds: float) -> None:
        waited.append(seconds)

    poller = TwilioPoller(make_settings(), wait=wait)
    await poller.wait_for_news(poller.poll_seconds)
    assert waited == [300.0]
    assert await poller.watch() is None
    await poller.aclose()


def test_a_poller_needs_a_number() -> None:
    with pytest.raises(OperatorError):
        TwilioPoller(make_settings(number=None))


FETCHED = {
    "message": {
        "sid": "SM1",
        "from": f"whatsapp:{CUSTOMER}",
        "to": f"whatsapp:{NUMBER}",
        "body": "Hello?",
        "direction": "inbound",
        "num_media": "1",
    },
    "media": [
        {"sid": "ME1", "content_type": "image/png", "uri": "/2010-04-01/Accounts/AC1/Messages/SM1/Media/ME1.json"}
    ],
}


@pytest.fixture(scope="module")
def parser() -> TwilioPoller:
    """One for all examples: its client for HTTPS takes longer to make than any answer to read."""
    return TwilioPoller(make_settings())


@fuzz_settings
@given(content=mutated_json([FETCHED]))
def test_no_damaged_answer_breaks_the_parser(content: object, parser: TwilioPoller) -> None:
    source = Source("whatsapp", NUMBER, "SM1", json.dumps(content).encode())
    try:
        parsed = parser.parse(source)
    except MalformedSource:
        return
    assert len(parsed.messages) + len(parsed.ignored) == 1
    assert all(message.model_dump_json() for message in parsed.messages)


async def test_a_lost_message_is_there_although_no_webhook_came(twilio: State) -> None:
    order = {
        "url": "http://127.0.0.1:9",
        "lose": True,
        "messages": [{"From": f"whatsapp:{CUSTOMER}", "Body": "Hello?"}],
    }
    async with httpx.AsyncClient(base_url=twilio.url) as client:
        answered = (await client.post("/_control/inbound", json=order)).json()
    assert [message["answered"] for message in answered] == [[]]
    assert (await fetch(poll(twilio), answered[0]["sid"])).text == "Hello?"
