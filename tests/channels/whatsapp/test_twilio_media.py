"""Files are fetched from Twilio alone, with the password for Twilio alone, and never larger than allowed."""

import base64
import socket

import pytest
from pydantic import SecretStr

from channels.base import MediaRefused, VendorAway
from channels.whatsapp.media import WhatsAppMedia
from channels.whatsapp.twilio.media import TwilioMedia
from core.errors import OperatorError
from database.types import Attachment
from tests.channels.whatsapp.twilio_samples import CUSTOMER, NUMBER, make_settings, point_at
from tests.emulators.twilio_state import Fault, State
from tests.emulators.twilio_webhooks import receive_message

CONTENT = b"\x89PNG and so on"


def attach(twilio: State, content: bytes = CONTENT) -> Attachment:
    media = [{"content_type": "image/png", "base64": base64.b64encode(content).decode()}]
    fields = receive_message(twilio, {"From": f"whatsapp:{CUSTOMER}", "media": media})
    return name(fields["MediaUrl0"])


def name(locator: str | None) -> Attachment:
    return Attachment(name="file-1.png", content_type="image/png", locator=locator)


async def fetch(twilio: State, attachment: Attachment, *, max_bytes: int = 1_000, **changes: object) -> bytes:
    media = TwilioMedia(point_at(twilio, **changes), timeout_seconds=0.5)
    return await media.fetch(NUMBER, attachment, max_bytes=max_bytes)


async def test_a_file_is_fetched_with_the_password_and_its_store_never_sees_that(twilio: State) -> None:
    assert await fetch(twilio, attach(twilio)) == CONTENT
    assert twilio.leaked_passwords == 0


async def test_the_path_that_the_api_names_is_a_locator_too(twilio: State) -> None:
    locator = attach(twilio).locator or ""
    assert await fetch(twilio, name(locator.removeprefix(twilio.url))) == CONTENT


@pytest.mark.parametrize("size", [0, 1_000])
async def test_a_file_may_be_as_large_as_allowed(twilio: State, size: int) -> None:
    assert len(await fetch(twilio, attach(twilio, b"x" * size))) == size


async def test_a_larger_file_is_refused(twilio: State) -> None:
    with pytest.raises(MediaRefused, match="larger"):
        await fetch(twilio, attach(twilio, b"x" * 1_001))


@pytest.mark.parametrize(
    "locator",
    [
        None,
        "",
        "https://evil.example.com/2010-04-01/x",
        "https://api.twilio.com.evil.example.com/x",
        "https://api.twilio.com@evil.example.com/x",
        "http://api.twilio.com/x",
        "//evil.example.com/x",
        "https://api.twilio.com:1\\@evil.example.com/x",
        "https://evil.example.com#@api.twilio.com:1/x",
        "file:///etc/passwd",
        "https://[::1/x",
        "https://api.twilio.com:99999/x",
        "\x00",
    ],
)
async def test_an_address_elsewhere_is_never_asked(locator: str | None) -> None:
    media = TwilioMedia(make_settings(api_url="https://api.twilio.com:1"))
    with pytest.raises(MediaRefused):
        await media.fetch(NUMBER, name(locator), max_bytes=1_000)


async def test_a_file_that_is_gone_is_refused(twilio: State) -> None:
    locator = attach(twilio).locator or ""
    twilio.files.clear()
    with pytest.raises(MediaRefused):
        await fetch(twilio, name(locator))


@pytest.mark.parametrize("status", [404, 410])
async def test_twilio_says_that_it_is_gone(twilio: State, status: int) -> None:
    twilio.faults.append(Fault("media", "error", status=status, code=20404))
    with pytest.raises(MediaRefused):
        await fetch(twilio, attach(twilio))


@pytest.mark.parametrize(
    "fault",
    [
        Fault("media", "html"),
        Fault("media", "error", status=429),
        Fault("media", "drop"),
        Fault("media", "error", status=500),
    ],
)
async def test_trouble_that_passes_is_not_the_end_of_a_file(twilio: State, fault: Fault) -> None:
    attachment = attach(twilio)
    twilio.faults.append(fault)
    with pytest.raises(VendorAway):
        await fetch(twilio, attachment)
    twilio.faults.clear()
    assert await fetch(twilio, attachment) == CONTENT


async def test_a_wrong_password_may_be_mended(twilio: State) -> None:
    with pytest.raises(VendorAway):
        await fetch(twilio, attach(twilio), auth_token=SecretStr("wrong"))


async def test_where_nobody_listens_the_file_may_be_had_later() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(VendorAway):
        await TwilioMedia(make_settings(api_url=url)).fetch(NUMBER, name(f"{url}/x"), max_bytes=1_000)


async def test_a_store_that_never_answers_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        media = TwilioMedia(make_settings(api_url=url), timeout_seconds=0.05)
        with pytest.raises(VendorAway):
            await media.fetch(NUMBER, name(f"{url}/x"), max_bytes=1_000)


def test_without_a_password_there_is_nothing_to_fetch_with() -> None:
    with pytest.raises(OperatorError):
        TwilioMedia(make_settings(auth_token=None))


async def test_the_channel_asks_the_provider_of_the_inbox(twilio: State) -> None:
    channel = WhatsAppMedia({NUMBER: TwilioMedia(point_at(twilio))})
    attachment = attach(twilio)
    assert await channel.fetch(NUMBER, attachment, max_bytes=1_000) == CONTENT
    with pytest.raises(MediaRefused):
        await channel.fetch("+15550999", attachment, max_bytes=1_000)
