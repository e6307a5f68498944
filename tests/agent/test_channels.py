"""The agent knows how to write on every channel there is."""

from typing import get_args

import pytest

from agent.compose import REPLY_CHARACTERS
from agent.prompts import SHIPPED_PROMPTS
from database.types import Channel


@pytest.mark.parametrize("channel", get_args(Channel))
def test_every_channel_has_its_style_and_its_length(channel: Channel) -> None:
    assert channel in SHIPPED_PROMPTS.write_instructions(
        company="Harborline", channel=channel, ticket_ref="TF-20261121-0001", language="English"
    )
    assert REPLY_CHARACTERS[channel] > 0
