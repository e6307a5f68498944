"""Who a mail is from: proven only by our own server's word on a From that can be read in one way."""

from email.message import EmailMessage

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.letters import ACCOUNT, parse_body, read_message, write_letter, write_raw
from channels.base import MalformedSource
from channels.mail.account import MailAccount
from channels.mail.proof import is_aligned, is_vouched_for
from database.types import Identity, MailPath
from tests.fuzz import fuzz_settings

PASS = "mx.desk.example; dmarc=pass (p=reject) header.from=customer.example"
ALICE = "From: Alice <alice@customer.example>"


def read_identity(*lines: str, account: MailAccount = ACCOUNT) -> Identity:
    """The sender of a mail with these header lines."""
    sender = read_message(write_raw("\n".join(lines)), account).sender
    assert sender is not None
    return sender


@pytest.mark.parametrize(
    "result",
    [
        PASS,
        "MX.desk.example 1; DMARC=Pass header.from=Customer.Example",
        "mx.desk.example; spf=fail smtp.mailfrom=x.example; dmarc=pass action=none header.from=customer.example",
        "mx.desk.example; dkim=pass header.d=customer.example header.s=s1 header.b=\"a+b/c=\"",
        "mx.desk.example; dkim=pass header.i=@customer.example header.s=s1; dmarc=none header.from=customer.example",
        "mx.desk.example; dkim=fail header.d=customer.example; dkim=pass header.d=customer.example",
        "(ours) mx.desk.example ; dkim/1=pass (2048-bit; \"key\") header.d = customer.example",
        "mx.desk.example;\r\n\tdkim=pass\r\n\t header.d=customer.example",
    ],
)  # fmt: skip
def test_a_sender_is_proven_by_our_servers_word(result: str) -> None:
    sender = read_message(f"Authentication-Results: {result}\r\n{ALICE}\r\n\r\nHi\r\n".encode()).sender
    assert sender == Identity(kind="email", value="alice@customer.example", level="proven", name="Alice")


@pytest.mark.parametrize(
    "result",
    [
        "mx.other.example; dmarc=pass header.from=customer.example",
        "dmarc=pass header.from=customer.example",
        "mx.desk.example.evil.example; dmarc=pass header.from=customer.example",
        "mx.desk.example; dmarc=pass header.from=evil.example",
        "mx.desk.example; dmarc=pass",
        "mx.desk.example; dmarc=fail header.from=customer.example; dkim=pass header.d=customer.example",
        "mx.desk.example; dmarc=bestguesspass header.from=customer.example",
        "mx.desk.example; spf=pass smtp.mailfrom=alice@customer.example",
        "mx.desk.example; dkim=pass header.d=evil.example",
        "mx.desk.example; dkim=pass header.d=example",
        "mx.desk.example; dkim=pass header.d=mail.customer.example",
        "mx.desk.example; dkim=pass header.d=notcustomer.example",
        "mx.desk.example; dkim=pass header.d=evil.example header.i=@customer.example",
        "mx.desk.example; dkim=none reason=\"dkim=pass header.d=customer.example\"",
        "mx.desk.example; spf=pass smtp.mailfrom=\"x; dmarc=pass header.from=customer.example \"@evil.example",
        "mx.desk.example; spf=pass (a; dmarc=pass header.from=customer.example ) smtp.mailfrom=evil.example",
        "mx.desk.example; dkim=pass header.d=customer.example header.d=evil.example",
        "mx.desk.example (never closed; dmarc=pass header.from=customer.example",
        "mx.desk.example \"never closed; dmarc=pass header.from=customer.example",
        "mx.desk.example; none",
        "",
        ";;;",
    ],
)  # fmt: skip
def test_no_other_word_proves_a_sender(result: str) -> None:
    assert read_identity(f"Authentication-Results: {result}", ALICE).level == "channel_asserted"


def test_without_any_result_or_without_a_pinned_server_nothing_is_proven() -> None:
    unpinned = MailAccount("mailbox", "support@desk.example", "Support")
    assert read_identity(ALICE).level == "channel_asserted"
    assert read_identity(f"Authentication-Results: {PASS}", ALICE, account=unpinned).level == "channel_asserted"


def test_only_the_top_most_result_of_our_server_counts() -> None:
    refused = "Authentication-Results: mx.desk.example; dmarc=fail header.from=customer.example"
    forged = f"Authentication-Results: {PASS}"
    broken = "Authentication-Results: mx.desk.example; spf=pass (never closed"
    other = "Authentication-Results: relay.example; dmarc=fail header.from=customer.example"
    assert read_identity(refused, forged, ALICE).level == "channel_asserted"
    assert read_identity(broken, forged, ALICE).level == "channel_asserted"
    assert read_identity(other, forged, ALICE).level == "proven"


@pytest.mark.parametrize(
    "sender",
    [
        "From: alice@customer.example\nFrom: eve@evil.example",
        "From: alice@customer.example, eve@evil.example",
        'From: "alice@customer.example" <alice@customer.example>',
        "From: =?utf-8?q?bob=40bank=2Eexample?= <alice@customer.example>",
        "From: alice@customer.example <alice@customer.example>",
        "From: alice@customer.example]<eve@customer.example>",
        "From: eve@customer.example (<alice@customer.example>)",
        "Sender: alice@customer.example",
        "Return-Path: <alice@customer.example>",
    ],
)
def test_a_from_that_can_be_read_in_two_ways_proves_nobody(sender: str) -> None:
    assert read_identity(f"Authentication-Results: {PASS}", sender).level == "channel_asserted"


def test_a_victims_address_as_the_name_of_an_attacker_is_only_a_name() -> None:
    sender = read_identity('From: "victim@customer.example" <eve@evil.example>')
    assert (sender.value, sender.level) == ("eve@evil.example", "channel_asserted")


def test_reply_to_is_neither_identity_nor_the_way_back() -> None:
    message = read_message(write_letter(Reply_To="eve@evil.example"))
    assert message.sender is not None
    assert message.sender.value == "alice@customer.example"
    assert isinstance(message.reply_path, MailPath)
    assert message.reply_path.to == "alice@customer.example"


@pytest.mark.parametrize(
    "header", ["Subject: Hi", "From:", "From: <>", "From: Alice", "From: alice at customer.example", "From: ((((("]
)
def test_a_mail_from_nobody_is_for_a_person(header: str) -> None:
    with pytest.raises(MalformedSource, match="no sender"):
        parse_body(write_raw(f"{header}\nTo: support@desk.example"))


@pytest.mark.parametrize(
    ("signer", "domain", "aligned"),
    [
        ("customer.example", "customer.example", True),
        ("customer.example", "mail.customer.example", True),
        ("mail.customer.example", "customer.example", False),
        ("eve.github.io", "github.io", False),
        ("example", "customer.example", False),
        ("", "customer.example", False),
    ],
)
def test_a_signature_speaks_for_its_domain_and_those_below(signer: str, domain: str, aligned: bool) -> None:
    assert is_aligned(signer, domain) is aligned


def sign(mail: EmailMessage, domain: str) -> tuple[bytes, bool]:
    """The mail with a real signature of this domain, and whether that verifies."""
    key = generate_private_key(public_exponent=65537, key_size=1024)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    record = f"v=DKIM1; k=rsa; p={''.join(public.splitlines()[1:-1])}"
    raw = mail.as_bytes()
    signed = dkim.sign(raw, b"s1", domain.encode(), private, include_headers=[b"from", b"subject"]) + raw
    return signed, dkim.verify(signed, dnsfunc=lambda *_args, **_named: record, minkey=1024)


@pytest.mark.parametrize(("domain", "level"), [("customer.example", "proven"), ("evil.example", "channel_asserted")])
def test_a_signature_may_be_valid_and_still_say_nothing_of_the_sender(domain: str, level: str) -> None:
    signed, is_valid = sign(write_letter(), domain)
    assert is_valid
    result = f"Authentication-Results: mx.desk.example; dkim=pass header.d={domain} header.s=s1\r\n"
    sender = read_message(result.encode() + signed).sender
    assert sender is not None
    assert sender.level == level


@fuzz_settings
@given(
    result=st.text(st.sampled_from('mx.desk;= ()"\\dmarc=pasheader.fromcustoe'), max_size=120) | st.text(max_size=80)
)
def test_any_result_is_read_or_passed_over(result: str) -> None:
    assert is_vouched_for([result], "customer.example", "mx.desk.example") in {True, False}
    hidden = f'mx.desk.example; spf=pass smtp.mailfrom="{result.replace(chr(92), "").replace(chr(34), "")}"'
    assert not is_vouched_for([hidden], "customer.example", "mx.desk.example")
