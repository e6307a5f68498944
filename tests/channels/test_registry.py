"""Which channels there are, and who delivers on each."""

from typing import get_args
from uuid import UUID

import pytest

from channels.base import DeliveryFailed
from channels.registry import LOCAL_INBOXES, build_channels, find_sender
from channels.web.send import WebSender
from core.settings import Settings
from database.types import Channel, ConversationId, MessageId, OutboundMessage


def make_reply() -> OutboundMessage:
    """A committed reply."""
    return OutboundMessage(
        id=MessageId(UUID(int=5)),
        conversation_id=ConversationId(UUID(int=6)),
        thread_contact="TF-20261121-0001",
        channel="web",
        inbox="form",
        text="Hello",
        attempt=1,
        lease_token=UUID(int=7),
    )


def test_every_channel_of_the_vocabulary_is_built_under_its_name() -> None:
    channels = build_channels(Settings.model_construct())
    assert set(channels) == set(get_args(Channel))
    assert all(name == kit.name for name, kit in channels.items())


def test_the_web_form_is_delivered_by_the_web() -> None:
    assert isinstance(find_sender(build_channels(Settings.model_construct()), "web", "form"), WebSender)


@pytest.mark.parametrize("inbox", sorted(LOCAL_INBOXES))
@pytest.mark.parametrize("channel", get_args(Channel))
def test_what_the_desk_sends_to_itself_never_leaves_it(channel: str, inbox: str) -> None:
    assert isinstance(find_sender(build_channels(Settings.model_construct()), channel, inbox), WebSender)


def test_a_channel_has_the_sender_of_its_kit() -> None:
    channels = build_channels(Settings.model_construct())
    for name, kit in channels.items():
        if kit.sender is None:
            assert find_sender(channels, name, "main") is None
        else:
            assert find_sender(channels, name, "main") is kit.sender


async def test_delivery_on_the_web_is_accepted_and_harmless_to_repeat() -> None:
    sender, reply = WebSender(), make_reply()
    assert sender.is_repeatable
    first, second = await sender.send(reply), await sender.send(reply)
    assert first == second
    assert first.vendor_id == f"web:{reply.id}"


@pytest.mark.parametrize("is_permanent", [True, False])
def test_a_failed_delivery_says_why_and_whether_to_try_again(is_permanent: bool) -> None:
    error = DeliveryFailed("the number is unknown", permanent=is_permanent)
    assert str(error) == "the number is unknown"
    assert error.permanent is is_permanent
