"""The text and the files of a mail, in any charset, form and state of repair."""

from email.message import EmailMessage
from hashlib import sha256
from time import thread_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.letters import ACCOUNT, parse_body, read_message, write_letter, write_raw
from channels.mail.charset import decode_bytes
from channels.mail.html import read_html
from channels.mail.parse import parse_mail
from database.types import Attachment, Source
from tests.fuzz import fuzz_settings


def read_text(content_type: str, body: bytes) -> str:
    """The text of a mail of one part."""
    return read_message(
        b"From: alice@customer.example\r\nContent-Type: " + content_type.encode() + b"\r\n\r\n" + body
    ).text


@pytest.mark.parametrize(
    ("charset", "text"),
    [
        ("utf-8", "Grüße 😀"),
        ("iso-8859-1", "Grüße"),
        ("windows-1252", "“déjà” – 5 €"),
        ("iso-8859-15", "5 €"),
        ("koi8-r", "заказ"),
        ("windows-1251", "заказ"),
        ("iso-2022-jp", "注文"),
        ("shift_jis", "注文"),
        ("euc-jp", "注文"),
        ("gb2312", "订单"),
        ("gb18030", "订单"),
        ("big5", "訂單"),
        ("ks_c_5601-1987", "주문"),
        ("utf-7", "Grüße"),
        ("utf-16", "Grüße"),
    ],
)
def test_text_is_read_in_its_charset(charset: str, text: str) -> None:
    assert read_text(f"text/plain; charset={charset}", text.encode(charset)) == text


@pytest.mark.parametrize(
    ("charset", "body", "text"),
    [
        ("us-ascii", "Grüße".encode(), "Grüße"),
        ("x-unknown", "Grüße".encode(), "Grüße"),
        ("x-unknown", "Grüße".encode("latin-1"), "Grüße"),
        ("utf-8", "Grüße".encode("latin-1"), "Grüße"),
        ("iso-8859-1", "“5 €”".encode("cp1252"), "“5 €”"),
        ("gb2312", "镕".encode("gb18030"), "镕"),
        ("", "Grüße".encode(), "Grüße"),
        ("''", "注文".encode("iso-2022-jp"), "注文"),
        ("hex", b"abcd", "abcd"),
        ("rot13", b"abcd", "abcd"),
        ("punycode", b"abcd-", "abcd-"),
        ("unicode_escape", b"\\x41", "\\x41"),
        ("undefined", b"abcd", "abcd"),
        ("\x00", b"abcd", "abcd"),
        ("x" * 5000, b"abcd", "abcd"),
    ],
)
def test_a_wrong_or_unknown_charset_does_not_hide_the_text(charset: str, body: bytes, text: str) -> None:
    assert decode_bytes(body, charset) == text


@fuzz_settings
@given(
    content=st.binary(max_size=200),
    charset=st.none() | st.text(max_size=30) | st.sampled_from(["utf-16", "hz", "iso-2022-kr"]),
)
def test_any_bytes_in_any_charset_are_some_text(content: bytes, charset: str | None) -> None:
    assert isinstance(decode_bytes(content, charset), str)


def test_plain_text_is_preferred_to_html() -> None:
    mail = write_letter("The plain one")
    mail.add_alternative("<p>The other one</p>", subtype="html")
    assert read_message(mail).text == "The plain one"
    assert read_message(mail).attachments == ()


@pytest.mark.parametrize("plain", ["", " \n\n "])
def test_html_is_read_where_the_plain_text_says_nothing(plain: str) -> None:
    mail = write_letter(plain)
    mail.add_alternative("<p>Hello <b>there</b></p>", subtype="html")
    assert read_message(mail).text == "Hello there"


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>One</p><p>Two</p>", "One\n\nTwo"),
        ("One<br>Two<br><br>Three", "One\nTwo\n\nThree"),
        ("<div>One</div><div>Two</div>", "One\nTwo"),
        ("<ul><li>One<li>Two</ul>", "- One\n- Two"),
        ("<table><tr><td>1</td><td>2</td></tr><tr><td>3</td></tr></table>", "1\t2\n3"),
        ("a  b\n c&nbsp;d", "a b c d"),
        ("<pre>a  b\n  c</pre>", "a  b\n  c"),
        ("Hi<blockquote>old<blockquote>older</blockquote></blockquote>", "Hi\n\n> old\n>\n>> older"),
        ("<style>p{}</style><script>x()</script><title>t</title>Hi", "Hi"),
        ('<span style="display:none">secret</span><p hidden>secret</p>Hi', "Hi"),
        ("x &lt;b&gt; &amp; y", "x <b> & y"),
        ("", ""),
        ("<!-- nothing -->", ""),
    ],
)
def test_html_reads_like_the_page_looks(html: str, text: str) -> None:
    assert read_html(html).rstrip("\n> ") == text


HOSTILE = [
    "<div>", "<blockquote>x", "<a><b>", "<table><tr><td>", "<font color=a><p>", "<div><!--</div>-->", "<div></x>",
    "<", "<a ", "<!--", "&", "<svg><math>", "<li>x", "<select><option>",
]  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE)
def test_a_megabyte_of_unclosed_html_takes_a_moment(piece: str) -> None:
    started = thread_time()  # this thread's own work, whoever else uses the machine
    read_html(piece * (1_000_000 // len(piece)))
    assert thread_time() - started < 8, "time grows with the square of the depth"


@fuzz_settings
@given(
    html=st.lists(
        st.sampled_from([*HOSTILE, "</div>", "</p>", "text", "<br>", "</blockquote>", "<pre>"]) | st.text(max_size=9)
    ).map("".join)
)
def test_any_html_is_some_text(html: str) -> None:
    text = read_html(html)
    assert text == text.strip()
    assert "\x00" not in text


def test_flowed_paragraphs_are_put_together_again() -> None:
    body = b"This is one \r\nparagraph.\r\n\r\n From here another\r\n> quoted \r\n> lines\r\n-- \r\nAlice"
    message = read_message(
        b"From: alice@customer.example\r\nContent-Type: text/plain; charset=utf-8; format=flowed\r\n\r\n" + body
    )
    assert message.text == "This is one paragraph.\n\nFrom here another"
    assert message.quoted == "> quoted \n> lines\n-- \nAlice"
    assert read_text("text/plain; charset=utf-8; format=flowed; delsp=yes", b"long \r\nword") == "longword"


def test_a_charset_in_the_long_form_is_a_charset() -> None:
    assert read_text("text/plain; charset*=utf-8''iso-8859-1", b"Gr\xfc\xdfe") == "Grüße"


@pytest.mark.timeout(10)
def test_a_megabyte_of_flowing_lines_takes_a_moment() -> None:
    assert len(read_text("text/plain; format=flowed", b"x \r\n" * 300_000)) > 90_000


def attach(content: bytes, name: str | None, content_type: str = "application/pdf") -> EmailMessage:
    """A letter with one file."""
    mail = write_letter("See the file.")
    maintype, _, subtype = content_type.partition("/")
    mail.add_attachment(content, maintype=maintype, subtype=subtype, filename=name)
    return mail


def read_files(mail: EmailMessage | bytes) -> tuple[Attachment, ...]:
    """The files of a mail, each of which has its content unless it has a problem."""
    parsed = parse_body(mail)
    (message,) = parsed.messages
    assert {file.digest for file in message.attachments if not file.problem} == set(parsed.contents)
    return message.attachments


def test_a_file_is_kept_under_its_digest() -> None:
    parsed = parse_body(attach(b"%PDF-1.7", "Rechnung März.pdf"))
    digest = sha256(b"%PDF-1.7").hexdigest()
    assert parsed.contents == {digest: b"%PDF-1.7"}
    assert parsed.messages[0].attachments == (
        Attachment(name="Rechnung März.pdf", content_type="application/pdf", size=8, digest=digest),
    )
    assert parsed.messages[0].text == "See the file."


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\alice\\x.txt", "x.txt"),
        ("a\u202egnp.exe", "a gnp.exe"),
        ("=?utf-8?q?M=C3=A4rz=2Epdf?=", "März.pdf"),
        ("", "file-1"),
        ("...", "file-1"),
        (None, "file-1"),
    ],
)
def test_a_name_cannot_lead_anywhere_or_read_otherwise(given_name: str | None, kept: str) -> None:
    (file,) = read_files(attach(b"x", given_name))
    assert file.name == kept


@fuzz_settings
@given(name=st.text(min_size=1, max_size=400))
def test_any_name_is_made_safe(name: str) -> None:
    raw = write_raw("From: alice@customer.example\nContent-Type: multipart/mixed; boundary=b").replace(
        b"Where is my order?",
        b"--b\r\nContent-Disposition: attachment; filename*=utf-8''%s\r\n\r\nx\r\n--b--"
        % "".join(f"%{byte:02X}" for byte in name.encode("utf-8", "replace")).encode(),
    )
    (file,) = read_files(raw)
    assert 0 < len(file.name) <= 200
    assert len(file.name.encode()) <= 240
    assert not set(file.name) & set("/\\\x00\r\n\u202e")


@pytest.mark.parametrize("content_type", ["text/calendar", "image/png", "application/octet-stream", "text/csv"])
def test_every_other_part_is_a_file(content_type: str) -> None:
    (file,) = read_files(attach(b"content\n", None, content_type))
    assert (file.content_type, file.size, file.problem) == (content_type, 8, None)


def test_a_text_with_a_name_is_a_file() -> None:
    mail = write_letter("See the log.")
    mail.add_attachment("line 1", filename="server.log")
    assert read_message(mail).text == "See the log."
    assert [file.name for file in read_files(mail)] == ["server.log"]


def test_pictures_within_html_are_files() -> None:
    mail = write_letter("")
    mail.set_content('<p>Look: <img src="cid:1"></p>', subtype="html")
    mail.add_related(b"\x89PNG", maintype="image", subtype="png", cid="<1>", filename="shot.png")
    assert read_message(mail).text == "Look:"
    assert [file.name for file in read_files(mail)] == ["shot.png"]


def test_a_mail_within_a_mail_is_a_file_and_not_text() -> None:
    mail = write_letter("See the mail.")
    mail.add_attachment(write_letter("Inner text", Subject="Alt/neu"))
    parsed = parse_body(mail)
    (file,) = parsed.messages[0].attachments
    assert (file.name, file.content_type) == ("Alt-neu.eml", "message/rfc822")
    assert file.digest is not None
    assert b"Inner text" in parsed.contents[file.digest]
    assert parsed.messages[0].text == "See the mail."


def test_a_file_that_is_too_large_is_named_with_its_problem() -> None:
    source = Source("mailbox", ACCOUNT.address, "1", attach(b"x" * (2**20 + 1), "big.bin").as_bytes())
    parsed = parse_mail(source, ACCOUNT, max_file_bytes=2**20)
    (file,) = parsed.messages[0].attachments
    assert (file.name, file.size, file.digest, file.problem) == ("big.bin", 2**20 + 1, None, "larger than 1 MiB")
    assert parsed.contents == {}


def test_of_many_files_the_first_fifty_are_kept_and_the_rest_counted() -> None:
    mail = write_letter("Many.")
    for number in range(53):
        mail.add_attachment(b"%d" % number, maintype="image", subtype="png", filename=f"{number}.png")
    files = read_files(mail)
    assert [file.name for file in files[49:]] == ["49.png", "3 more"]
    assert files[-1].problem


def test_a_file_that_came_twice_is_stored_once() -> None:
    mail = attach(b"same", "one.pdf")
    mail.add_attachment(b"same", maintype="application", subtype="pdf", filename="two.pdf")
    assert [file.name for file in read_files(mail)] == ["one.pdf", "two.pdf"]
    assert len(parse_body(mail).contents) == 1


def test_broken_base64_gives_what_can_be_read() -> None:
    raw = attach(b"%PDF-1.7 and more", "x.pdf").as_bytes().replace(b"JVBERi", b"JV\x80BE*Ri")
    assert len(read_files(raw)) == 1


def test_a_multipart_without_its_boundary_is_read_as_text() -> None:
    assert read_text("multipart/mixed", b"--x\r\n\r\nHello") == "--x\n\nHello"
