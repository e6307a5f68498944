"""What Twilio reports of a reply finds it by our id, whatever comes first."""

from uuid import UUID

import pytest
from hypothesis import given

from channels.base import MalformedSource
from channels.whatsapp.twilio.receive import TwilioStatusReceiver
from database.types import MessageId, Parsed, Source, StatusUpdate
from tests.channels.mutations import mutated_bytes
from tests.channels.whatsapp.twilio_samples import STATUS, URL, encode, make_settings, make_source
from tests.fuzz import fuzz_settings

OUTBOX = MessageId(UUID(int=5))
STATUS_URL = f"{URL}/status?outbox={OUTBOX}"
RECEIVER = TwilioStatusReceiver(make_settings())


def report(status: str, url: str = STATUS_URL, **fields: str) -> Parsed:
    return RECEIVER.parse(make_source(STATUS | {"MessageStatus": status, "SmsStatus": status} | fields, url))


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("sent", "sent"),
        ("delivered", "delivered"),
        ("partially_delivered", "delivered"),
        ("read", "read"),
        ("READ", "read"),
        ("failed", "failed"),
        ("undelivered", "failed"),
        ("canceled", "failed"),
    ],
)
def test_every_final_status_is_a_state_of_ours(status: str, state: str) -> None:
    (update,) = report(status).statuses
    assert (update.state, update.outbox_id, update.vendor_id) == (state, OUTBOX, "SM7")
    assert (update.error is not None) == (state == "failed")
    assert not update.is_window_closed


def test_a_read_receipt_may_come_as_an_event_alone() -> None:
    fields = {name: value for name, value in STATUS.items() if name not in {"MessageStatus", "SmsStatus"}}
    (update,) = RECEIVER.parse(make_source(fields | {"EventType": "READ"}, STATUS_URL)).statuses
    assert update.state == "read"


@pytest.mark.parametrize("status", ["queued", "accepted", "sending", "scheduled", "", "surprise"])
def test_a_message_on_its_way_is_no_news(status: str) -> None:
    parsed = report(status)
    assert parsed.statuses == ()
    assert len(parsed.ignored) == 1


def test_a_closed_window_that_is_reported_later_is_marked() -> None:
    (update,) = report("undelivered", ErrorCode="63016").statuses
    assert update.is_window_closed
    assert update.error is not None
    assert "63016" in update.error


def test_a_window_that_twilio_never_had_is_tried_again_later_and_asks_for_no_template() -> None:
    (update,) = report("undelivered", f"{STATUS_URL}&for=meta", ErrorCode="63016").statuses
    assert (update.state, update.is_window_closed, update.retry_seconds) == ("failed", False, 900.0)
    assert update.outbox_id == OUTBOX
    assert update.error is not None
    assert "63016" in update.error


@pytest.mark.parametrize("url", [STATUS_URL, f"{STATUS_URL}&for=meta"])
@pytest.mark.parametrize(
    ("code", "seconds"), [(63018, 60.0), (63017, 5.0), (30001, 60.0), (14107, 30.0), (63038, 3_600.0)]
)
def test_a_limit_that_is_reported_later_is_mended_by_time(url: str, code: int, seconds: float) -> None:
    (update,) = report("failed", url, ErrorCode=str(code)).statuses
    assert (update.state, update.retry_seconds) == ("failed", seconds)
    assert not update.is_window_closed


@pytest.mark.parametrize("code", ["63016", "63024", "21610", "", "x"])
def test_no_other_failure_is_tried_again(code: str) -> None:
    (update,) = report("failed", ErrorCode=code).statuses
    assert update.retry_seconds is None


def test_another_failure_is_described_without_the_customers_number() -> None:
    (update,) = report("failed", ErrorCode="63024", ErrorMessage="+15550111 is not there").statuses
    assert not update.is_window_closed
    assert update.error is not None
    assert "63024" in update.error
    assert "+1555" not in update.error


def test_a_code_beside_a_good_status_marks_nothing() -> None:
    for code in ("63016", "63018"):
        assert report("delivered", f"{STATUS_URL}&for=meta", ErrorCode=code).statuses == (
            StatusUpdate(state="delivered", outbox_id=OUTBOX, vendor_id="SM7"),
        )


@pytest.mark.parametrize("url", [URL, f"{URL}?outbox=", f"{URL}?outbox=x", "", f"{URL}?outbox=x&other=1"])
def test_without_our_id_the_sid_names_the_reply(url: str) -> None:
    (update,) = report("sent", url).statuses
    assert (update.outbox_id, update.vendor_id) == (None, "SM7")


def test_without_a_sid_our_id_names_the_reply() -> None:
    (update,) = RECEIVER.parse(make_source({"MessageStatus": "sent"}, STATUS_URL)).statuses
    assert (update.outbox_id, update.vendor_id) == (OUTBOX, None)


def test_a_status_of_no_message_is_malformed() -> None:
    with pytest.raises(MalformedSource):
        RECEIVER.parse(make_source({"MessageStatus": "sent"}, URL))


@fuzz_settings
@given(body=mutated_bytes([encode(STATUS), encode(STATUS | {"ErrorCode": "63016", "MessageStatus": "failed"})]))
def test_no_damaged_status_breaks_the_parser(body: bytes) -> None:
    try:
        parsed = RECEIVER.parse(Source("whatsapp", "", "digest", body, {"url": URL}))
    except MalformedSource:
        return
    assert len(parsed.statuses) + len(parsed.ignored) == 1
    assert not any("\x00" in (update.vendor_id or "") for update in parsed.statuses)
