"""Whatever is posted in Meta's name, the parser says what it makes of it and raises nothing but MalformedSource."""

import json
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from channels.base import MalformedSource
from channels.whatsapp.meta.parse import parse_webhook
from database.types import InboundMessage, Parsed
from tests.channels.mutations import mutated_bytes, mutated_json
from tests.emulators.meta_payloads import NUMBER_ID, build_samples
from tests.fuzz import fuzz_settings

SAMPLES = build_samples()
MAX_MESSAGE_BYTES = 256 * 1024


def assert_sound(parsed: Parsed) -> None:
    """Nothing is silently dropped, and what was found can be stored and read again."""
    assert parsed.messages or parsed.statuses or parsed.revoked or parsed.ignored
    for message in parsed.messages:
        stored = message.model_dump_json()
        assert InboundMessage.model_validate_json(stored) == message
        assert len(stored.encode()) < MAX_MESSAGE_BYTES
        assert "\\u0000" not in stored
        assert message.text
        assert message.contact
        assert message.sender is not None
    for status in parsed.statuses:
        assert status.vendor_id or status.outbox_id
    for reason in parsed.ignored:
        assert len(reason) < 80
        assert reason.isprintable()


@fuzz_settings
@given(mutated_json(SAMPLES))
def test_a_mutated_payload_is_read_or_ignored_with_a_reason(payload: object) -> None:
    assert_sound(parse_webhook(json.dumps(payload).encode(), NUMBER_ID))


def assert_read_or_malformed(body: bytes) -> None:
    with suppress(MalformedSource):
        assert_sound(parse_webhook(body, NUMBER_ID))


@fuzz_settings
@given(mutated_bytes([json.dumps(sample).encode() for sample in SAMPLES]))
def test_mutated_bytes_are_read_or_malformed(body: bytes) -> None:
    assert_read_or_malformed(body)


@fuzz_settings
@given(st.binary(max_size=2_000))
def test_any_bytes_are_read_or_malformed(body: bytes) -> None:
    assert_read_or_malformed(body)
