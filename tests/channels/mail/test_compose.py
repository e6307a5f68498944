"""Our replies as mail: in the thread, recognisable, and impossible to smuggle a header into."""

from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.letters import ACCOUNT, MAIL_ID, OUTBOX_ID, make_reply, parse_body, read_message, write_letter
from channels.base import DeliveryFailed
from channels.mail.account import MailAccount
from channels.mail.body import read_body
from channels.mail.compose import LOOP_HEADER, REPLY_HEADER, compose_mail, find_reply_id, render_mail
from channels.mail.text import clean_text
from database.types import MessageId, OutboundMessage, WhatsAppPath
from tests.fuzz import fuzz_settings

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
LONG_ID = f"<{'AM6PR08MB4' * 20}@eurprd08.prod.outlook.com>"


def receive(message: OutboundMessage, account: MailAccount = ACCOUNT) -> EmailMessage:
    """The reply as another mail program reads it from the wire."""
    mail = message_from_bytes(render_mail(compose_mail(message, account, clock=lambda: NOW)), policy=default)
    assert isinstance(mail, EmailMessage)
    return mail


def test_a_reply_names_its_customer_its_thread_and_itself() -> None:
    mail = receive(make_reply(references=("<zero@customer.example>",)))
    assert mail["From"] == "Harborline Support <support@desk.example>"
    assert mail["To"] == "Alice Example <alice@customer.example>"
    assert mail["Subject"] == "Re: My order"
    assert mail["In-Reply-To"] == "<first@customer.example>"
    assert mail["References"] == "<zero@customer.example> <first@customer.example>"
    assert mail["Message-ID"] == MAIL_ID
    assert mail["Date"].datetime == NOW
    assert mail[REPLY_HEADER] == str(OUTBOX_ID)


def test_a_reply_says_to_other_machines_that_it_is_automatic() -> None:
    mail = receive(make_reply())
    assert mail["Auto-Submitted"] == "auto-replied"
    assert mail["X-Auto-Response-Suppress"] == "All"
    assert mail[LOOP_HEADER] == ACCOUNT.address


def test_a_reply_composed_again_has_the_same_message_id() -> None:
    later = compose_mail(make_reply(), ACCOUNT, clock=lambda: NOW.replace(hour=23))
    assert later["Message-ID"] == compose_mail(make_reply(), ACCOUNT, clock=lambda: NOW)["Message-ID"] == MAIL_ID


@pytest.mark.parametrize(
    ("subject", "written"),
    [
        ("My order", "Re: My order"),
        ("Re: My order", "Re: My order"),
        ("RE: re : Re: My order", "Re: My order"),
        ("AW: Meine Bestellung für Ödön", "Re: AW: Meine Bestellung für Ödön"),
        ("", "Re:"),
        ("注文について", "Re: 注文について"),
    ],
)
def test_the_subject_is_the_customers_with_one_mark_of_a_reply(subject: str, written: str) -> None:
    assert receive(make_reply(subject=subject))["Subject"] == written


def test_long_ids_are_written_as_they_are_and_not_as_encoded_words() -> None:
    ids = tuple(LONG_ID.replace("@", f"{number}@") for number in range(12))
    raw = render_mail(compose_mail(make_reply(references=ids, in_reply_to=LONG_ID), ACCOUNT))
    header = raw.partition(b"\r\n\r\n")[0]
    assert b"=?" not in header
    assert all(mail_id.encode() in header for mail_id in (*ids, LONG_ID))
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert receive(make_reply(references=ids, in_reply_to=LONG_ID))["References"].split() == [*ids, LONG_ID]


def test_of_absurdly_many_references_the_first_and_the_last_are_kept_each_once() -> None:
    ids = [f"<{number}@customer.example>" for number in range(500)]
    references = receive(make_reply(references=(*ids, *ids), in_reply_to="<499@customer.example>"))["References"]
    kept = references.split()
    assert (kept[0], kept[-1]) == (ids[0], ids[-1])
    assert len(kept) == len(set(kept)) == 20


@pytest.mark.parametrize(
    "reference", ["", "nothing", "<a b@c>", "<ü@c>", f"<{'x' * 2000}@c>", "<a@b>\r\nBcc: <eve@evil.example>"]
)
def test_a_reference_that_is_no_message_id_is_left_out(reference: str) -> None:
    mail = receive(make_reply(references=(reference, "<good@customer.example>"), in_reply_to=None))
    assert mail["References"].split()[-1] == "<good@customer.example>"
    assert mail["Bcc"] is None


@fuzz_settings
@given(
    subject=st.text(max_size=300), name=st.text(max_size=300), own_name=st.text(max_size=60), text=st.text(max_size=300)
)
def test_nothing_that_a_customer_chose_becomes_a_header(subject: str, name: str, own_name: str, text: str) -> None:
    account = MailAccount("mailbox", ACCOUNT.address, own_name)
    message = make_reply(text.encode("utf-8", "replace").decode(), subject=subject, name=name)
    mail = receive(message, account)
    assert sorted(mail.keys()) == sorted(receive(make_reply()).keys())
    assert mail["To"].addresses[0].addr_spec == "alice@customer.example"
    assert len(mail["To"].addresses) == 1


@pytest.mark.parametrize("break_", ["\r\n", "\n", "\r", "\x0b", "\x0c", "\x85", "\u2028", "\u2029", "\x00"])
def test_a_line_break_in_a_subject_or_name_begins_no_header(break_: str) -> None:
    mail = receive(make_reply(subject=f"Hi{break_}Bcc: eve@evil.example", name=f"Alice{break_}Bcc: eve@evil.example"))
    assert mail["Bcc"] is None
    assert mail["Subject"] == "Re: Hi Bcc: eve@evil.example"


LINES = st.lists(st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=1200), max_size=6).map("\n".join)


@fuzz_settings
@given(text=LINES)
def test_the_text_arrives_as_it_was_written(text: str) -> None:
    raw = render_mail(compose_mail(make_reply(text), ACCOUNT))
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert read_body(message_from_bytes(raw)).text == clean_text(text)


@fuzz_settings
@given(
    words=st.lists(st.text(st.characters(categories=("L", "Nd")), min_size=1, max_size=12), min_size=1, max_size=20),
    number=st.uuids(version=4),
)
def test_a_customers_answer_leads_back_to_the_reply(words: list[str], number: MessageId) -> None:
    reply = compose_mail(make_reply(), ACCOUNT)
    del reply["Message-ID"]
    reply["Message-ID"] = f"<{number.hex}@desk.example>"
    answer = write_letter(" ".join(words), Subject=str(reply["Subject"]), In_Reply_To=str(reply["Message-ID"]))
    message = read_message(answer)
    assert message.text == " ".join(words)
    assert find_reply_id(message.follows[0]) == number


def test_our_own_reply_that_comes_back_is_ignored() -> None:
    assert parse_body(render_mail(compose_mail(make_reply(), ACCOUNT))).ignored


@pytest.mark.parametrize(
    "text", ["", "<x@desk.example>", f"<{'g' * 32}@desk.example>", f"<{OUTBOX_ID}@desk.example>", OUTBOX_ID.hex]
)
def test_an_id_of_others_holds_no_outbox_id(text: str) -> None:
    assert find_reply_id(text) is None


def test_an_international_domain_is_written_in_ascii() -> None:
    assert b"<bob@xn--bcher-kva.example>" in render_mail(compose_mail(make_reply(to="bob@bücher.example"), ACCOUNT))


@pytest.mark.parametrize(
    "address", ["bob", "böb@customer.example", "", "@", "bob@", "bob@" + "ü" * 80 + ".example", "bob@a..b.é"]
)
def test_an_address_that_plain_smtp_cannot_carry_fails_for_good(address: str) -> None:
    with pytest.raises(DeliveryFailed) as caught:
        compose_mail(make_reply(to=address), ACCOUNT)
    assert caught.value.permanent


def test_a_reply_without_a_mail_path_fails_for_good() -> None:
    reply = make_reply()
    lost = OutboundMessage(
        id=reply.id, conversation_id=reply.conversation_id, thread_contact="x", channel="mailbox", inbox="x",
        text="x", attempt=1, lease_token=reply.lease_token, path=WhatsAppPath(provider="meta", phone="+15550100"),
    )  # fmt: skip
    with pytest.raises(DeliveryFailed) as caught:
        compose_mail(lost, ACCOUNT)
    assert caught.value.permanent
