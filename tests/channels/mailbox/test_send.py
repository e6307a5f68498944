"""Handing replies to a mail server: what it says is believed, and what it leaves open is never done again."""

import asyncio
import email
import ssl
from email.message import Message
from uuid import UUID

import pytest
from pydantic import SecretStr

from channels.base import DeliveryFailed, DeliveryUncertain, InboxBlocked, SignInNeeded
from channels.mail.account import MailAccount
from channels.mailbox.send import MailboxSender, SmtpAccess, SmtpSecurity
from database.types import ConversationId, MailPath, MessageId, OutboundMessage
from tests.acceptance.processes import find_free_port
from tests.emulators.certificates import Certificate
from tests.emulators.proxy import run_proxy
from tests.emulators.smtp import MAX_BYTES, PASSWORD, USER, SmtpServer, run_smtp

ACCOUNT = MailAccount("mailbox", "support@example.com", "Harborline Support Team")
OUTBOX_ID = MessageId(UUID("018f2d3c-0000-7000-8000-000000000005"))
MAIL_ID = f"<{OUTBOX_ID.hex}@example.com>"


def make_reply(text: str = "It works again.\n.\n.hidden", to: str = "alice@example.org") -> OutboundMessage:
    """A committed reply to a mail."""
    return OutboundMessage(
        id=OUTBOX_ID,
        conversation_id=ConversationId(UUID(int=6)),
        thread_contact="alice@example.org/0",
        channel="mailbox",
        inbox=ACCOUNT.address,
        text=text,
        attempt=1,
        lease_token=UUID(int=7),
        path=MailPath(to=to, name="Alice", subject="A question", in_reply_to="<question@example.org>"),
    )


def make_sender(
    port: int,
    *,
    security: SmtpSecurity = "none",
    tls: ssl.SSLContext | None = None,
    password: str = PASSWORD,
    prepare_seconds: float = 10.0,
    data_seconds: float = 10.0,
) -> MailboxSender:
    """A sender to this port of this machine."""
    access = SmtpAccess(
        host="localhost",
        port=port,
        user=USER,
        password=SecretStr(password),
        security=security,
        tls=tls or ssl.create_default_context(),
        prepare_seconds=prepare_seconds,
        data_seconds=data_seconds,
    )
    return MailboxSender(access, ACCOUNT)


def read_only_mail(server: SmtpServer) -> Message:
    """The one mail that was accepted."""
    (accepted,) = server.accepted
    return email.message_from_bytes(accepted.content)


async def test_a_reply_arrives_from_our_address_under_a_message_id_of_its_own() -> None:
    async with run_smtp(needs_sign_in=True) as server:
        receipt = await make_sender(server.port).send(make_reply())
    (accepted,) = server.accepted
    assert (accepted.sender, accepted.recipients) == (ACCOUNT.address, ("alice@example.org",))
    mail = read_only_mail(server)
    assert mail["Message-ID"] == MAIL_ID
    assert mail["In-Reply-To"] == "<question@example.org>"
    assert (receipt.mail_id, receipt.known_as, receipt.vendor_id) == (MAIL_ID, (MAIL_ID,), None)


async def test_lines_that_begin_with_a_dot_arrive_whole() -> None:
    async with run_smtp() as server:
        await make_sender(server.port).send(make_reply("first\n.\n..\n.last"))
    payload = read_only_mail(server).get_payload(decode=True)
    assert isinstance(payload, bytes)
    assert payload.decode().split() == ["first", ".", "..", ".last"]


async def test_the_message_id_stays_the_same_when_a_refused_reply_is_sent_later() -> None:
    async with run_smtp() as server:
        server.fail("DATA", "451 4.3.0 try again", accepts=True)
        sender = make_sender(server.port)
        with pytest.raises(DeliveryFailed):
            await sender.send(make_reply())
        await sender.send(make_reply())
    assert {email.message_from_bytes(mail.content)["Message-ID"] for mail in server.accepted} == {MAIL_ID}


def test_sending_a_reply_twice_would_do_harm() -> None:
    assert not MailboxSender.is_repeatable


# What a server refuses ------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", ["RCPT", "DATA"])
@pytest.mark.parametrize(
    ("answer", "permanent"),
    [
        ("550 5.1.1 no such user", True),
        ("552 5.2.2 mailbox full", True),
        ("554 5.7.1 looks like spam", True),
        ("421 4.3.2 shutting down", False),
        ("450 4.2.0 greylisted", False),
        ("451 4.7.1 later", False),
        ("452 4.2.2 mailbox full", False),
    ],
)
async def test_a_refusal_of_this_mail_says_whether_trying_again_helps(stage: str, answer: str, permanent: bool) -> None:
    async with run_smtp() as server:
        server.fail("RCPT" if stage == "RCPT" else "DATA", answer)
        with pytest.raises(DeliveryFailed, match=answer[:3]) as caught:
            await make_sender(server.port).send(make_reply())
    assert caught.value.permanent is permanent
    assert not isinstance(caught.value, InboxBlocked)
    assert server.accepted == []


async def test_a_refusal_does_not_carry_the_customers_address() -> None:
    async with run_smtp() as server:
        server.fail("RCPT", "550 5.1.1 <alice@example.org>: alice@example.org unknown")
        with pytest.raises(DeliveryFailed) as caught:
            await make_sender(server.port).send(make_reply())
    assert "alice" not in str(caught.value)
    assert "unknown" in str(caught.value)


async def test_a_refusal_of_our_own_address_blocks_the_inbox_and_not_the_one_reply() -> None:
    async with run_smtp() as server:
        server.fail("MAIL", "550 5.7.60 not allowed to send as this address")
        with pytest.raises(InboxBlocked):
            await make_sender(server.port).send(make_reply())


async def test_a_sender_that_is_put_off_tries_again_later() -> None:
    async with run_smtp() as server:
        server.fail("MAIL", "451 4.7.0 too many mails this hour")
        with pytest.raises(DeliveryFailed) as caught:
            await make_sender(server.port).send(make_reply())
    assert not caught.value.permanent
    assert not isinstance(caught.value, InboxBlocked)


async def test_a_mail_that_is_too_large_is_refused_for_good() -> None:
    async with run_smtp() as server:
        server.fail("MAIL", "552 5.3.4 message too big")
        with pytest.raises(DeliveryFailed) as caught:
            await make_sender(server.port).send(make_reply())
    assert caught.value.permanent


async def test_a_mail_beyond_the_announced_size_is_not_even_offered() -> None:
    async with run_smtp() as server:
        with pytest.raises(DeliveryFailed, match=str(MAX_BYTES)) as caught:
            await make_sender(server.port).send(make_reply("x" * MAX_BYTES))
    assert caught.value.permanent
    assert server.accepted == []


async def test_an_address_that_smtp_cannot_carry_fails_for_good() -> None:
    async with run_smtp() as server:
        with pytest.raises(DeliveryFailed) as caught:
            await make_sender(server.port).send(make_reply(to="älice@example.org"))
    assert caught.value.permanent


async def test_an_international_domain_is_written_in_ascii() -> None:
    async with run_smtp() as server:
        await make_sender(server.port).send(make_reply(to="alice@münchen.example"))
    assert server.accepted[0].recipients == ("alice@xn--mnchen-3ya.example",)


# What nobody can know -------------------------------------------------------------------------------------


@pytest.mark.parametrize("accepts", [True, False])
@pytest.mark.parametrize("answer", ["drop", "stall", "what?", "199 hm"])
async def test_silence_after_the_mail_was_handed_over_is_uncertain_and_not_repeated(answer: str, accepts: bool) -> None:
    async with run_smtp() as server:
        server.fail("DATA", answer, accepts=accepts)
        with pytest.raises(DeliveryUncertain):
            await make_sender(server.port, data_seconds=1.0).send(make_reply())
    assert len(server.accepted) == accepts
    assert server.connections == 1


@pytest.mark.parametrize("stage", ["MAIL", "RCPT"])
@pytest.mark.parametrize("answer", ["drop", "stall", "what?"])
async def test_silence_before_the_mail_was_handed_over_is_a_failure_that_can_be_repeated(
    stage: str, answer: str
) -> None:
    async with run_smtp() as server:
        server.fail("MAIL" if stage == "MAIL" else "RCPT", answer)
        with pytest.raises(DeliveryFailed) as caught:
            await make_sender(server.port, prepare_seconds=0.3).send(make_reply())
    assert not caught.value.permanent
    assert server.accepted == []


async def test_a_server_that_is_not_there_can_be_tried_again() -> None:
    with pytest.raises(DeliveryFailed) as caught:
        await make_sender(find_free_port()).send(make_reply())
    assert not caught.value.permanent


async def test_a_name_that_does_not_resolve_can_be_tried_again() -> None:
    access = SmtpAccess("nowhere.invalid", 465, USER, SecretStr(PASSWORD), "tls", ssl.create_default_context())
    with pytest.raises(DeliveryFailed) as caught:
        await MailboxSender(access, ACCOUNT).send(make_reply())
    assert not caught.value.permanent


async def test_a_server_that_takes_the_connection_and_says_nothing_can_be_tried_again() -> None:
    async with run_smtp() as server, run_proxy(server.port) as proxy:
        proxy.swallow()
        with pytest.raises(DeliveryFailed) as caught:
            await make_sender(proxy.port, prepare_seconds=0.2).send(make_reply())
    assert not caught.value.permanent


async def test_a_goodbye_that_never_comes_does_not_make_a_sent_mail_uncertain() -> None:
    async with run_smtp() as server, run_proxy(server.port) as proxy:
        hanging_up = asyncio.create_task(proxy.wait_until_said(b"QUIT"))
        hanging_up.add_done_callback(lambda _: proxy.drop_all())
        receipt = await make_sender(proxy.port).send(make_reply())
        await hanging_up
    assert receipt.mail_id == MAIL_ID


# Getting in -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("security", ["tls", "starttls"])
async def test_mail_is_handed_over_encrypted(certificate: Certificate, security: SmtpSecurity) -> None:
    encryption = certificate.serve()
    servers = {"tls": run_smtp(tls=encryption), "starttls": run_smtp(starttls=encryption)}
    async with servers[security] as server:
        await make_sender(server.port, security=security, tls=certificate.trust()).send(make_reply())
    assert len(server.accepted) == 1
    assert server.sign_ins == [True]


@pytest.mark.parametrize("security", ["tls", "starttls"])
async def test_a_server_that_cannot_prove_who_it_is_gets_neither_password_nor_mail(
    certificate: Certificate, security: SmtpSecurity
) -> None:
    encryption = certificate.serve()
    servers = {"tls": run_smtp(tls=encryption), "starttls": run_smtp(starttls=encryption)}
    async with servers[security] as server:
        with pytest.raises(InboxBlocked):
            await make_sender(server.port, security=security).send(make_reply())
    assert (server.accepted, server.sign_ins) == ([], [])


async def test_a_server_that_does_not_encrypt_gets_nothing_where_encryption_is_wanted() -> None:
    async with run_smtp() as server:
        with pytest.raises(InboxBlocked, match="STARTTLS"):
            await make_sender(server.port, security="starttls").send(make_reply())
    assert (server.accepted, server.sign_ins) == ([], [])


async def test_a_refused_password_needs_a_person() -> None:
    secret = "an unspeakable password"
    async with run_smtp() as server:
        with pytest.raises(SignInNeeded) as caught:
            await make_sender(server.port, password=secret).send(make_reply())
    assert secret not in str(caught.value)
    assert not any(server.sign_ins)


async def test_a_server_that_signs_nobody_in_at_the_moment_can_be_tried_again() -> None:
    async with run_smtp() as server:
        server.fail("AUTH", "454 4.7.0 temporary authentication failure", times=2)
        with pytest.raises(DeliveryFailed) as caught:
            await make_sender(server.port).send(make_reply())
    assert not caught.value.permanent
    assert server.accepted == []


async def test_a_local_server_that_lets_everybody_in_is_not_shown_a_password() -> None:
    async with run_smtp(offers_sign_in=False) as server:
        await make_sender(server.port).send(make_reply())
    assert (len(server.accepted), server.sign_ins) == (1, [])


async def test_a_server_that_wants_a_sign_in_it_does_not_offer_needs_a_person() -> None:
    async with run_smtp(offers_sign_in=False, needs_sign_in=True) as server:
        with pytest.raises(SignInNeeded):
            await make_sender(server.port).send(make_reply())


def test_the_password_is_in_no_representation() -> None:
    assert PASSWORD not in repr(make_sender(25)._access)
