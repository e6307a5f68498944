"""Fetching mail whole from a real server, and leaving no trace of it."""

from contextlib import aclosing
from datetime import UTC, datetime

import pytest

from channels.mailbox import poll
from channels.mailbox.poll import MailboxPoller
from tests.channels.mailbox.desk import NOW, Desk, make_access, make_poller
from tests.emulators.scripted_imap import run_scripted_imap


async def list_all(poller: MailboxPoller) -> tuple[str, ...]:
    """Every mail in the mailbox, whoever had it already."""
    return (await poller.list_new("0:0", None)).external_ids


@pytest.mark.parametrize(
    "mail",
    [
        pytest.param(b"From: a@example.org\r\n\r\n" + bytes(range(128, 256)) * 9 + b"\r\n", id="eight bits"),
        pytest.param(b"From: a@example.org\r\n\r\n)\r\nA1 OK done\r\n* BYE\r\n+ {12}\r\n", id="looks like IMAP"),
        pytest.param(b"Subject: {5}\r\n\r\nthe end {3}\r\n", id="ends like a literal"),
        pytest.param(b"\r\n", id="no headers"),
        pytest.param(b"From: a@example.org\r\n\r\n" + b"x" * 3_000_000 + b"\r\n", id="large"),
        pytest.param(b"From: a@example.org\r\n\r\n" + b"line (\r\n" * 20_000, id="many lines"),
    ],
)
async def test_a_mail_arrives_byte_for_byte(desk: Desk, poller: MailboxPoller, mail: bytes) -> None:
    start = await poller.list_new(None, None)
    desk.deliver_bytes(mail)
    (external_id,) = (await poller.list_new(start.cursor, NOW)).external_ids
    source = await poller.fetch(external_id)
    assert source is not None
    assert source.body == mail
    assert (source.channel, source.inbox, source.external_id) == ("mailbox", desk.address, external_id)


async def test_a_mail_tells_when_its_server_took_it_in(desk: Desk) -> None:
    found = r'* 1 FETCH (UID 9 RFC822.SIZE 21 INTERNALDATE "21-Nov-2026 10:30:00 +0100" BODY[] "From: a@example.org")'
    async with (
        run_scripted_imap({"FETCH": [found, "{tag} OK done"]}) as port,
        aclosing(make_poller(desk, make_access(desk, port=port))) as poller,
    ):
        source = await poller.fetch("7:9")
        assert source is not None
        (message,) = poller.parse(source).messages
    assert message.sent_at == datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


async def test_a_fetched_mail_stays_unread_for_the_people_who_share_the_mailbox(
    desk: Desk, poller: MailboxPoller
) -> None:
    for external_id in await list_all(poller):
        assert await poller.fetch(external_id) is not None
    await poller.aclose()
    assert set(desk.server.read_flags(desk.address).values()) == {""}


async def test_a_mail_that_a_person_has_read_already_is_fetched_all_the_same(desk: Desk, poller: MailboxPoller) -> None:
    await list_all(poller)
    await poller.aclose()
    desk.server.mark_all(desk.address, "S")
    async with aclosing(make_poller(desk)) as later:
        assert len(await list_all(later)) == 2


async def test_a_deleted_mail_is_gone(desk: Desk, poller: MailboxPoller) -> None:
    first, second = await list_all(poller)
    desk.server.delete_all(desk.address)
    assert await poller.fetch(first) is None
    assert await poller.fetch(second) is None


async def test_an_id_of_another_numbering_is_gone_and_not_some_other_mail(desk: Desk, poller: MailboxPoller) -> None:
    first, _ = await list_all(poller)
    uid_validity, _, uid = first.partition(":")
    assert await poller.fetch(f"{int(uid_validity) + 1}:{uid}") is None


async def test_what_another_worker_has_listed_is_found_by_a_session_that_is_older(
    desk: Desk, poller: MailboxPoller
) -> None:
    start = await poller.list_new(None, None)
    desk.deliver("news")
    async with aclosing(make_poller(desk)) as other:
        (external_id,) = (await other.list_new(start.cursor, NOW)).external_ids
    assert await poller.fetch(external_id) is not None


async def test_a_mail_counts_as_gone_only_when_the_folder_was_looked_into_again(desk: Desk) -> None:
    found = r'* 1 FETCH (UID 9 RFC822.SIZE 6 BODY[] "A: b")'
    answers = iter([["{tag} OK not seen yet"], [found, "{tag} OK done"], [found, "{tag} OK done"]])
    selected = ["* 1 EXISTS", "* OK [UIDVALIDITY 7] ok", "* OK [UIDNEXT 12] ok", "{tag} OK done"]
    selections = iter([selected, selected])
    async with (
        run_scripted_imap({"SELECT": selections, "FETCH": answers}) as port,
        aclosing(make_poller(desk, make_access(desk, port=port))) as poller,
    ):
        assert await poller.fetch("7:9") is not None
    assert list(selections) == []


async def test_of_a_mail_that_is_too_large_the_headers_come_and_a_person_gets_it(
    desk: Desk, poller: MailboxPoller
) -> None:
    start = await poller.list_new(None, None)
    header = (
        b"From: Alice <alice@example.org>\r\nTo: support@example.com\r\nSubject: All my\r\n photos\r\n"
        b"Message-ID: <huge@example.org>\r\nContent-Type: application/octet-stream;\r\n name=x\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\n"
    )
    size = poll.MAX_MAIL_BYTES + 1
    desk.deliver_bytes(header.ljust(size - 2, b"A") + b"\r\n")
    (external_id,) = (await poller.list_new(start.cursor, NOW)).external_ids
    source = await poller.fetch(external_id)
    assert source is not None
    assert len(source.body) < 1_000
    (message,) = poller.parse(source).messages
    assert f"{size:,} bytes" in message.text
    assert message.problem is not None
    assert str(size) in message.problem
    assert message.sender is not None
    assert message.sender.value == "alice@example.org"


async def test_a_short_mail_may_come_as_a_quoted_string(desk: Desk) -> None:
    body = r'* 1 FETCH (UID 9 RFC822.SIZE 30 BODY[] "From: \"A\" <a@example.org>")'
    async with (
        run_scripted_imap({"FETCH": [body, "{tag} OK done"]}) as port,
        aclosing(make_poller(desk, make_access(desk, port=port))) as poller,
    ):
        source = await poller.fetch("7:9")
    assert source is not None
    assert source.body == b'From: "A" <a@example.org>'


async def test_a_mail_that_is_deleted_while_it_is_fetched_is_gone(desk: Desk) -> None:
    async with (
        run_scripted_imap({"FETCH": ["{tag} NO [EXPUNGEISSUED] some messages are gone"]}) as port,
        aclosing(make_poller(desk, make_access(desk, port=port))) as poller,
    ):
        assert await poller.fetch("7:9") is None


async def read_ids(desk: Desk) -> list[str]:
    """The ids under which the mails that are not from before the desk are published, in the order of the mailbox."""
    async with aclosing(make_poller(desk)) as poller:
        sources = [await poller.fetch(external_id) for external_id in (await list_all(poller))[2:]]
        return [poller.parse(source).messages[0].external_id for source in sources if source is not None]


@pytest.mark.parametrize("message_id", [b"Message-ID: <once@example.org>\r\n", b""])
async def test_a_mail_that_is_numbered_anew_is_published_under_the_same_id(desk: Desk, message_id: bytes) -> None:
    desk.deliver_bytes(b"From: alice@example.org\r\nSubject: Help\r\n" + message_id + b"\r\nIt is broken.\r\n")
    before = await read_ids(desk)
    desk.server.forget_index(desk.address)
    assert await read_ids(desk) == before
    assert len(before) == 1


async def test_a_second_copy_that_took_another_way_is_the_same_mail(desk: Desk) -> None:
    mail = b"From: alice@example.org\r\nMessage-ID: <once@example.org>\r\nSubject: Help\r\n\r\nIt is broken.\r\n"
    desk.deliver_bytes(b"Received: from a.example.org\r\n" + mail)
    desk.deliver_bytes(b"Received: from b.example.org\r\nReceived: from c.example.org\r\n" + mail)
    first, second = await read_ids(desk)
    assert first == second


async def test_two_mails_that_share_a_message_id_are_both_taken(desk: Desk) -> None:
    for text in (b"It is broken.", b"It is on fire."):
        desk.deliver_bytes(b"From: alice@example.org\r\nMessage-ID: <same@example.org>\r\n\r\n" + text + b"\r\n")
    first, second = await read_ids(desk)
    assert first != second
