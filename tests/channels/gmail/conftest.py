"""One Gmail on loopback for each test, and our side of it."""

from collections.abc import AsyncIterator
from functools import cache

import pytest

from tests.channels.gmail.desk import Desk
from tests.emulators.gmail import ADDRESS, serve_gmail
from tests.emulators.gmail_accounts import Accounts, SigningKey, make_signing_key
from tests.emulators.gmail_mailbox import Mailbox
from tests.emulators.gmail_rest import Gmail


@cache
def first_key() -> SigningKey:
    """Google's first key, which takes a moment to make."""
    return make_signing_key("key-1")


@pytest.fixture
async def gmail() -> AsyncIterator[Gmail]:
    """Gmail with an empty mailbox."""
    async with serve_gmail(Gmail(Mailbox(ADDRESS), Accounts(ADDRESS, signing_keys=[first_key()]))) as served:
        yield served


@pytest.fixture
def desk(gmail: Gmail) -> Desk:
    """Everything of ours, signed in."""
    return Desk(gmail.url)
