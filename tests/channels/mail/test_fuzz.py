"""Whatever comes in, parsing ends with a result or with MalformedSource."""

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.letters import ACCOUNT, make_mails, write_bounce, write_letter, write_raw
from channels.base import MalformedSource
from channels.mail.parse import parse_mail
from database.types import InboundMessage, Parsed, Source
from tests.channels.mutations import mutated_bytes
from tests.fuzz import fuzz_settings

SAMPLES = [mail for mail in make_mails(80, seed=4) if len(mail) < 20_000] + [
    write_bounce(),
    write_letter("Danke!\n\nAm 21.11.26 um 10:12 schrieb Support:\n> alt").as_bytes(),
    write_raw(
        "From: =?iso-2022-jp?b?GyRCO3BLXBsoQg==?= <taro@customer.example>\nSubject: =?utf-8?q?Re=3A_=C3=A4?=\n"
        'Authentication-Results: mx.desk.example (a "b" (c)); dkim=pass header.d=customer.example\n'
        "References: <a@b> <c@d>\nList-Id: <x.example>\nContent-Type: text/plain; charset*=utf-8''utf%2D8"
    ),
    write_raw(
        "From: alice@customer.example\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=a",
        "--a\nContent-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: text/html\n\n<p>Hi<blockquote>x\n"
        "--b--\n--a\nContent-Type: multipart/mixed; boundary*=d; boundary*0=c; boundary*1=d\n\n--cd\n\nx\n--cd--\n"
        "--a\nContent-Type: message/rfc822\n\nSubject: inner\n\ntext\n--a\n"
        'Content-Type: application/pdf; name*0="a"; name*1*=%20b.pdf\n'
        "Content-Transfer-Encoding: base64\n\nJVBERi0=\n--a--",
    ),
]


def check(parsed: Parsed) -> None:
    """What must hold of every result: it can be stored, and every digest has its content."""
    assert len(parsed.messages) + len(parsed.statuses) + len(parsed.ignored) == 1
    for message in parsed.messages:
        stored = message.model_dump_json()
        assert len(stored.encode()) < 256 * 1024
        assert "\\u0000" not in stored
        assert InboundMessage.model_validate_json(stored) == message
        assert {file.digest for file in message.attachments if file.digest} == set(parsed.contents)


def parse_both(body: bytes) -> None:
    """Parse as Gmail's and as a mailbox's, and again, which must give the same."""
    for channel in ("gmail", "mailbox"):
        source = Source(channel, ACCOUNT.address, "42", body, {"thread": "17"})
        with suppress(MalformedSource):
            parsed = parse_mail(source, ACCOUNT)
            check(parsed)
            assert parse_mail(source, ACCOUNT) == parsed


@fuzz_settings
@given(body=mutated_bytes(SAMPLES))
def test_a_damaged_mail_is_read_or_refused_but_breaks_nothing(body: bytes) -> None:
    parse_both(body)


@fuzz_settings
@given(body=st.binary(max_size=400) | st.text(max_size=400).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    parse_both(body)
    parse_both(b"From: alice@customer.example\r\n" + body)
