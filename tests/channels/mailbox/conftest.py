"""One real Dovecot for all tests of the mailbox; every test has a mailbox of its own on it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from channels.mailbox.poll import MailboxPoller
from tests.channels.mailbox.desk import Desk, make_poller
from tests.emulators.certificates import Certificate, make_certificate
from tests.emulators.dovecot import Dovecot, find_missing, run_dovecot
from tests.emulators.proxy import Proxy, run_proxy

_numbers = count()


@pytest.fixture(scope="session")
def dovecot() -> Iterator[Dovecot]:
    """The server. Tests that need it are skipped where Dovecot is not installed."""
    if missing := find_missing():
        pytest.skip(f"NO REAL IMAP SERVER, so the mailbox is not tested: {missing}")
    # Not below pytest's own folder: that is closed to the user Dovecot runs as.
    with TemporaryDirectory(prefix="nightdesk-dovecot-") as folder, run_dovecot(Path(folder)) as server:
        yield server


@pytest.fixture
def desk(dovecot: Dovecot) -> Desk:
    """A mailbox that holds two mails from before the desk."""
    dovecot.start()  # an earlier test may have failed while it was down
    desk = Desk(dovecot, f"support{next(_numbers)}@example.com")
    desk.deliver("from before")
    desk.deliver("from before, too")
    return desk


@pytest.fixture
async def proxy(dovecot: Dovecot) -> AsyncIterator[Proxy]:
    """The network between the desk and the server."""
    async with run_proxy(dovecot.port) as running:
        yield running


@pytest.fixture
async def poller(desk: Desk) -> AsyncIterator[MailboxPoller]:
    """Looks into that mailbox, directly."""
    async with aclosing(make_poller(desk)) as made:
        yield made


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A certificate for loopback."""
    return make_certificate(tmp_path_factory.mktemp("certificate"))
