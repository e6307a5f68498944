"""Files of WhatsApp messages: fetched in two steps, whole, and from nowhere but Meta."""

import hashlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from channels.base import MediaFetcher, MediaRefused, VendorAway
from channels.whatsapp.meta.media import MetaMedia
from core.errors import OperatorError
from database.types import Attachment
from tests.acceptance.processes import find_free_port
from tests.channels.whatsapp.meta_account import configure_meta
from tests.emulators.meta import serve_meta
from tests.emulators.meta_cloud import MetaCloud
from tests.emulators.meta_payloads import NUMBER_ID

CONTENT = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 40


@pytest.fixture
async def cloud() -> AsyncIterator[MetaCloud]:
    """The vendor."""
    async with serve_meta() as running:
        yield running


def name_file(locator: str | None) -> Attachment:
    return Attachment(name="box.jpg", content_type="image/jpeg", locator=locator)


async def fetch(cloud: MetaCloud, locator: str | None, *, max_bytes: int = 20_000, **timeouts: float) -> bytes:
    fetcher: MediaFetcher = MetaMedia(configure_meta(api_url=cloud.api_url), **timeouts)
    return await fetcher.fetch(NUMBER_ID, name_file(locator), max_bytes=max_bytes)


async def test_a_file_is_fetched_by_its_media_id(cloud: MetaCloud) -> None:
    assert await fetch(cloud, cloud.add_file(CONTENT)) == CONTENT


async def test_a_file_that_matches_its_digest_is_taken(cloud: MetaCloud) -> None:
    digest = hashlib.sha256(CONTENT).hexdigest()
    assert await fetch(cloud, f"{cloud.add_file(CONTENT)}?sha256={digest}") == CONTENT


async def test_an_expired_address_is_asked_for_once_more(cloud: MetaCloud) -> None:
    cloud.break_next("content", "expire")
    assert await fetch(cloud, cloud.add_file(CONTENT)) == CONTENT


async def test_an_address_that_is_always_expired_is_given_up(cloud: MetaCloud) -> None:
    cloud.break_next("content", *["expire"] * 5)
    with pytest.raises(MediaRefused):
        await fetch(cloud, cloud.add_file(CONTENT))
    assert len(cloud.faults["content"]) == 3


async def test_a_file_that_came_damaged_is_fetched_once_more(cloud: MetaCloud) -> None:
    cloud.break_next("content", "damage")
    digest = hashlib.sha256(CONTENT).hexdigest()
    assert await fetch(cloud, f"{cloud.add_file(CONTENT)}?sha256={digest}") == CONTENT


async def test_a_file_that_never_matches_its_digest_is_refused(cloud: MetaCloud) -> None:
    with pytest.raises(MediaRefused):
        await fetch(cloud, f"{cloud.add_file(CONTENT)}?sha256={'0' * 64}")


@pytest.mark.parametrize("is_told", [True, False])
async def test_a_file_that_is_too_large_is_refused_whatever_was_said_of_its_size(
    cloud: MetaCloud, is_told: bool
) -> None:
    media_id = cloud.add_file(CONTENT)
    if not is_told:
        cloud.break_next("locate", f'answer:{{"url": "{cloud.url}/content/{media_id}", "file_size": 1}}')
    with pytest.raises(MediaRefused):
        await fetch(cloud, media_id, max_bytes=len(CONTENT) - 1)


async def test_a_file_of_exactly_the_largest_size_is_taken(cloud: MetaCloud) -> None:
    assert await fetch(cloud, cloud.add_file(CONTENT), max_bytes=len(CONTENT)) == CONTENT


async def test_a_file_that_meta_no_longer_has_is_refused(cloud: MetaCloud) -> None:
    with pytest.raises(MediaRefused):
        await fetch(cloud, "123456789")


@pytest.mark.parametrize("locator", [None, ""])
async def test_a_file_without_an_id_is_refused(cloud: MetaCloud, locator: str | None) -> None:
    with pytest.raises(MediaRefused):
        await fetch(cloud, locator)


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example.com/file",
        "http://lookaside.fbsbx.com/file",
        "https://lookaside.fbsbx.com.evil.example.com/file",
        "https://lookaside.fbsbx.com:8443/file",
        "https://lookaside.fbsbx.com@evil.example.com/file",
        "http://127.0.0.1:1/file",
        "file:///etc/passwd",
        "",
        "/file",
    ],
)
async def test_the_token_goes_to_no_other_host(cloud: MetaCloud, url: str) -> None:
    cloud.break_next("locate", f'answer:{{"url": "{url}"}}')
    with pytest.raises(MediaRefused):
        await fetch(cloud, cloud.add_file(CONTENT))


@pytest.mark.parametrize("surface", ["locate", "content"])
@pytest.mark.parametrize("fault", ["429", "500", "html", "refuse"])
async def test_a_vendor_in_trouble_is_asked_again_later(cloud: MetaCloud, surface: str, fault: str) -> None:
    cloud.break_next(surface, fault)
    with pytest.raises(VendorAway):
        await fetch(cloud, cloud.add_file(CONTENT))


@pytest.mark.parametrize("surface", ["locate", "content"])
async def test_a_slow_vendor_is_asked_again_later(cloud: MetaCloud, surface: str) -> None:
    cloud.break_next(surface, "slow:0.5")
    with pytest.raises(VendorAway):
        await fetch(cloud, cloud.add_file(CONTENT), timeout_seconds=0.1)


async def test_a_file_that_only_trickles_in_is_given_up_in_time(cloud: MetaCloud) -> None:
    cloud.break_next("content", "slow:0.5")
    with pytest.raises(VendorAway):
        await fetch(cloud, cloud.add_file(CONTENT), total_seconds=0.1)


@pytest.mark.parametrize("answer", ["", "[]", "<html>", '{"url": 7}', '{"url": "http://[::1"}'])
async def test_an_unreadable_answer_ends_in_a_declared_error(cloud: MetaCloud, answer: str) -> None:
    cloud.break_next("locate", f"answer:{answer}")
    with pytest.raises((VendorAway, MediaRefused)):
        await fetch(cloud, cloud.add_file(CONTENT))


async def test_a_vendor_that_cannot_be_reached_is_asked_again_later() -> None:
    settings: dict[str, Any] = {"api_url": f"http://127.0.0.1:{find_free_port()}/v23.0"}
    with pytest.raises(VendorAway):
        await MetaMedia(configure_meta(**settings)).fetch(NUMBER_ID, name_file("1"), max_bytes=10)


async def test_a_refused_token_is_not_the_files_fault(cloud: MetaCloud) -> None:
    cloud.token = "renewed"
    with pytest.raises(VendorAway) as failure:
        await fetch(cloud, cloud.add_file(CONTENT))
    assert "meta-token" not in str(failure.value)


def test_files_without_a_token_are_a_mistake_that_the_operator_can_mend() -> None:
    with pytest.raises(OperatorError):
        MetaMedia(configure_meta(access_token=None))
