"""Every real sender says when its vendor might accept: neither after that moment, nor when it is told to stop."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import pytest

from channels.base import Channels
from channels.registry import build_channels
from core.settings import load_settings
from database.types import Channel, ConversationId, MailPath, MessageId, OutboundMessage, ReplyPath, WhatsAppPath
from tests.storm.vendors import MAILBOX, Vendors, run_vendors

MAIL = MailPath(to="alice@example.net", subject="Re: Export")
Case = tuple[Channel, Callable[[Vendors], str], ReplyPath, Callable[[Vendors], int]]
CASES: dict[str, Case] = {
    "gmail": ("gmail", lambda v: v.gmail.mailbox.address, MAIL, lambda v: len(v.gmail.accepted)),
    "mailbox": ("mailbox", lambda _: MAILBOX, MAIL, lambda v: len(v.smtp.accepted)),
    "twilio": (
        "whatsapp",
        lambda v: v.twilio.account.number,
        WhatsAppPath(provider="twilio", phone="+4917512345"),
        lambda v: len(v.twilio.messages),
    ),
    "meta": (
        "whatsapp",
        lambda v: v.meta.number_id,
        WhatsAppPath(provider="meta", phone="+4917612345"),
        lambda v: len(v.meta.accepted),
    ),
}


class LeaseGone(Exception):
    """Another worker has it."""


@pytest.fixture
async def vendors() -> AsyncIterator[Vendors]:
    with TemporaryDirectory(prefix="nightdesk-vendors-") as folder:
        async with run_vendors(Path(folder)) as running:
            yield running


@pytest.fixture
def channels(vendors: Vendors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Channels:
    for name, value in vendors.configure("postgresql://nowhere/none", tmp_path).items():
        monkeypatch.setenv(name, value)
    return build_channels(load_settings(env_file=None))


def make_reply(case: Case, vendors: Vendors) -> OutboundMessage:
    channel, find_inbox, path, _ = case
    return OutboundMessage(
        id=MessageId(uuid4()),
        conversation_id=ConversationId(uuid4()),
        thread_contact="alice",
        channel=channel,
        inbox=find_inbox(vendors),
        text="Open Settings and choose Export.",
        attempt=1,
        lease_token=uuid4(),
        path=path,
        window_until=datetime.now(UTC) + timedelta(hours=1),
    )


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_a_reply_is_handed_over_before_its_vendor_accepts_it(
    case: Case, vendors: Vendors, channels: Channels
) -> None:
    channel, _, _, count = case
    sender = channels[channel].sender
    if sender is None:
        pytest.skip("Dovecot is not installed, so the mailbox is not configured")
    accepted_before: list[int] = []

    async def hand_over() -> None:
        accepted_before.append(count(vendors))

    await sender.send(replace(make_reply(case, vendors), hand_over=hand_over))
    assert accepted_before == [0]
    assert count(vendors) == 1


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_a_reply_that_may_not_be_handed_over_reaches_no_vendor(
    case: Case, vendors: Vendors, channels: Channels
) -> None:
    channel, _, _, count = case
    sender = channels[channel].sender
    if sender is None:
        pytest.skip("Dovecot is not installed, so the mailbox is not configured")

    async def refuse() -> None:
        raise LeaseGone

    with pytest.raises(LeaseGone):
        await sender.send(replace(make_reply(case, vendors), hand_over=refuse))
    assert count(vendors) == 0
