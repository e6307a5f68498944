"""What Meta reports of a reply finds it, and says what can mend a failure."""

from typing import Any

import pytest

from database.types import StatusUpdate
from tests.channels.whatsapp.meta_account import OUTBOX_ID, parse
from tests.emulators.meta_payloads import (
    build_error,
    build_status,
    build_value,
    build_webhook,
)


def parse_status(**fields: Any) -> StatusUpdate:
    (status,) = parse(build_webhook(build_value(statuses=[build_status(**fields)]))).statuses
    return status


@pytest.mark.parametrize(
    ("told", "state"),
    [("sent", "sent"), ("delivered", "delivered"), ("read", "read"), ("played", "read"), ("failed", "failed")],
)
def test_a_status_moves_the_reply_that_it_names(told: str, state: str) -> None:
    status = parse_status(state=told, name="wamid.OURS", outbox=str(OUTBOX_ID))
    assert (status.state, status.vendor_id, status.outbox_id) == (state, "wamid.OURS", OUTBOX_ID)


def test_a_status_with_foreign_opaque_data_goes_by_the_vendors_name() -> None:
    status = parse_status(state="sent", name="wamid.OURS", outbox="campaign-7")
    assert (status.vendor_id, status.outbox_id) == ("wamid.OURS", None)


def test_a_failure_says_why() -> None:
    status = parse_status(state="failed", code=131026)
    assert status.error == "Meta 131026: Message undeliverable: Message failed to send."
    assert not status.is_window_closed


def test_a_failure_for_the_closed_window_can_be_mended_by_a_template() -> None:
    status = parse_status(state="failed", code=131047)
    assert (status.is_window_closed, status.retry_seconds) == (True, None)


@pytest.mark.parametrize(
    ("code", "seconds"), [(131056, 6.0), (130429, 10.0), (4, 60.0), (80007, 60.0), (131016, 60.0), (131057, 300.0)]
)
def test_a_limit_that_is_reported_later_is_mended_by_time(code: int, seconds: float) -> None:
    status = parse_status(state="failed", code=code)
    assert (status.state, status.is_window_closed, status.retry_seconds) == ("failed", False, seconds)


def test_a_failure_for_several_reasons_is_mended_in_one_way_alone() -> None:
    several = build_status("failed", code=131056)
    several["errors"].append(build_error(131047))
    (status,) = parse(build_webhook(build_value(statuses=[several]))).statuses
    assert (status.is_window_closed, status.retry_seconds) == (True, None)


@pytest.mark.parametrize("code", [131026, 131048, 130497, 999])
def test_no_other_failure_is_tried_again(code: int) -> None:
    assert parse_status(state="failed", code=code).retry_seconds is None
