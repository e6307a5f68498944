"""Waiting for news: told at once where the server tells, and never deaf for good when the network breaks."""

import asyncio
import time
from contextlib import aclosing

import pytest

from channels.base import VendorAway
from channels.mailbox.poll import PAUSE_SECONDS, MailboxPoller
from tests.channels.mailbox.desk import NOW, Desk, Waits, make_access, make_poller, read_all
from tests.emulators.dovecot import Dovecot
from tests.emulators.proxy import Proxy
from tests.emulators.scripted_imap import run_scripted_imap

IDLING = b"+ idling"


async def start_waiting(poller: MailboxPoller, proxy: Proxy, *, seconds: float = 60) -> asyncio.Task[None]:
    """A task that waits for news; the server has begun to watch for it."""
    waiting = asyncio.create_task(poller.wait_for_news(seconds))
    await proxy.wait_until_said(IDLING)
    return waiting


async def test_the_server_tells_of_a_new_mail(desk: Desk, proxy: Proxy) -> None:
    async with aclosing(make_poller(desk, make_access(desk, port=proxy.port))) as poller, asyncio.timeout(60):
        start = await poller.list_new(None, None)
        waiting = await start_waiting(poller, proxy)
        desk.deliver("told")
        await waiting
        listing = await poller.list_new(start.cursor, NOW)
        assert await read_all(poller, listing.external_ids) == ["told"]
    assert proxy.connections == 1


async def test_what_came_between_listing_and_waiting_is_news_already(desk: Desk, poller: MailboxPoller) -> None:
    await poller.list_new(None, None)
    desk.deliver("in between")
    async with asyncio.timeout(60):
        await poller.wait_for_news(60)


async def test_waiting_ends_in_time_and_the_connection_is_used_again(desk: Desk, proxy: Proxy) -> None:
    async with aclosing(make_poller(desk, make_access(desk, port=proxy.port))) as poller:
        start = await poller.list_new(None, None)
        for _ in range(3):
            await poller.wait_for_news(0.05)
        desk.deliver("afterwards")
        assert len((await poller.list_new(start.cursor, NOW)).external_ids) == 1
    assert proxy.connections == 1


async def test_what_others_do_to_old_mail_is_no_news(desk: Desk, proxy: Proxy) -> None:
    async with aclosing(make_poller(desk, make_access(desk, port=proxy.port))) as poller, asyncio.timeout(60):
        start = await poller.list_new(None, None)
        waiting = await start_waiting(poller, proxy)
        deleted = asyncio.create_task(proxy.wait_until_said(b"EXPUNGE"))
        desk.server.delete_all(desk.address)
        await deleted
        assert not waiting.done()
        desk.deliver("news")
        await waiting
        assert len((await poller.list_new(start.cursor, NOW)).external_ids) == 1


async def test_a_server_that_repeats_what_it_said_at_the_selection_is_not_asked_without_pause(desk: Desk) -> None:
    script = {
        "CAPABILITY": ["* CAPABILITY IMAP4rev1 IDLE", "{tag} OK done"],
        "IDLE": ["+ idling", "* 1 EXISTS", "* 1 RECENT"],
        "DONE": ["{last} OK done"],
    }
    async with (
        run_scripted_imap(script) as port,
        aclosing(make_poller(desk, make_access(desk, port=port))) as poller,
    ):
        await poller.list_new(None, None)
        began = time.monotonic()
        await poller.wait_for_news(0.2)
        assert time.monotonic() - began >= 0.2
        await poller.list_new("7:11", NOW)


async def test_a_connection_that_is_reset_while_waiting_is_noticed_at_once(desk: Desk, proxy: Proxy) -> None:
    waits = Waits()
    async with aclosing(make_poller(desk, make_access(desk, port=proxy.port), waits)) as poller:
        start = await poller.list_new(None, None)
        waiting = await start_waiting(poller, proxy)
        proxy.drop_all()
        async with asyncio.timeout(60):
            await waiting
        assert waits.seconds == [PAUSE_SECONDS]
        desk.deliver("after the reset")
        listing = await poller.list_new(start.cursor, NOW)
        assert await read_all(poller, listing.external_ids) == ["after the reset"]


async def test_a_black_hole_is_noticed_when_waiting_ends_and_left_by_a_new_connection(desk: Desk, proxy: Proxy) -> None:
    waits = Waits()
    access = make_access(desk, port=proxy.port, command_seconds=2.0)
    async with aclosing(make_poller(desk, access, waits)) as poller:
        start = await poller.list_new(None, None)
        waiting = await start_waiting(poller, proxy, seconds=0.3)
        proxy.swallow()
        desk.deliver("unheard")
        async with asyncio.timeout(60):
            await waiting
        assert waits.seconds == [0.3]
        with pytest.raises(VendorAway):
            await poller.list_new(start.cursor, NOW)
        proxy.flow()
        listing = await poller.list_new(start.cursor, NOW)
        assert await read_all(poller, listing.external_ids) == ["unheard"]


async def test_a_slow_server_is_waited_for(desk: Desk, proxy: Proxy) -> None:
    proxy.delay_seconds = 0.02
    async with aclosing(make_poller(desk, make_access(desk, port=proxy.port))) as poller:
        listing = await poller.list_new("0:0", None)
        assert await read_all(poller, listing.external_ids) == ["from before", "from before, too"]


async def test_a_server_that_closes_every_connection_at_once_is_away_until_it_does_not(
    desk: Desk, proxy: Proxy
) -> None:
    proxy.refuse()
    async with aclosing(make_poller(desk, make_access(desk, port=proxy.port))) as poller:
        with pytest.raises(VendorAway):
            await poller.list_new(None, None)
        proxy.refuse(False)
        assert (await poller.list_new(None, None)).external_ids == ()


async def test_a_black_hole_in_the_middle_of_a_command_is_noticed(desk: Desk, proxy: Proxy) -> None:
    access = make_access(desk, port=proxy.port, command_seconds=2.0)
    async with aclosing(make_poller(desk, access)) as poller:
        start = await poller.list_new(None, None)
        proxy.swallow()
        with pytest.raises(VendorAway, match="did not answer in time"):
            await poller.list_new(start.cursor, NOW)
        proxy.flow()
        assert await poller.list_new(start.cursor, NOW) == start


async def test_a_server_that_restarts_is_found_again(desk: Desk, poller: MailboxPoller, dovecot: Dovecot) -> None:
    start = await poller.list_new(None, None)
    dovecot.stop()
    with pytest.raises(VendorAway):
        await poller.list_new(start.cursor, NOW)
    await poller.wait_for_news(60)
    dovecot.start()
    desk.deliver("after the restart")
    listing = await poller.list_new(start.cursor, NOW)
    assert await read_all(poller, listing.external_ids) == ["after the restart"]


async def test_a_server_that_is_killed_while_a_mail_waits_loses_nothing(
    desk: Desk, poller: MailboxPoller, dovecot: Dovecot
) -> None:
    start = await poller.list_new(None, None)
    desk.deliver("listed before the crash")
    listing = await poller.list_new(start.cursor, NOW)
    dovecot.kill()
    with pytest.raises(VendorAway):
        await poller.fetch(listing.external_ids[0])
    dovecot.start()
    assert await read_all(poller, listing.external_ids) == ["listed before the crash"]


async def test_a_wait_that_is_cancelled_leaves_a_poller_that_works(desk: Desk, proxy: Proxy) -> None:
    async with aclosing(make_poller(desk, make_access(desk, port=proxy.port))) as poller:
        start = await poller.list_new(None, None)
        waiting = await start_waiting(poller, proxy)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        desk.deliver("after the cancellation")
        assert len((await poller.list_new(start.cursor, NOW)).external_ids) == 1


async def test_a_server_that_cannot_tell_is_looked_at_again_later(desk: Desk) -> None:
    waits = Waits()
    async with (
        run_scripted_imap({}) as port,
        aclosing(make_poller(desk, make_access(desk, port=port), waits)) as poller,
    ):
        await poller.list_new(None, None)
        await poller.wait_for_news(42)
    assert waits.seconds == [42]


async def test_a_server_that_promises_to_tell_and_refuses_is_not_asked_without_pause(desk: Desk) -> None:
    waits = Waits()
    script = {"CAPABILITY": ["* CAPABILITY IMAP4rev1 IDLE", "{tag} OK done"], "IDLE": ["{tag} NO not today"]}
    async with (
        run_scripted_imap(script) as port,
        aclosing(make_poller(desk, make_access(desk, port=port), waits)) as poller,
    ):
        await poller.list_new(None, None)
        await poller.wait_for_news(42)
    assert waits.seconds == [PAUSE_SECONDS]
