"""Whole mails, as the programs of customers write them, and what the desk makes of them."""

import json
from email.message import EmailMessage

import pytest

from benchmarks.letters import MAIL_ID, make_mails, parse_body, read_message, write_letter, write_raw
from channels.base import MalformedSource
from channels.mail.account import MailAccount
from channels.mail.threads import is_forward, normalise_subject
from database.types import InboundMessage, MailPath

GMAIL = MailAccount("gmail", "support@desk.example", "Harborline Support", "mx.google.com")
LONG_ID = f"<{'AM6PR08MB4' * 20}@eurprd08.prod.outlook.com>"


def get_path(message: InboundMessage) -> MailPath:
    """How the customer is answered."""
    assert isinstance(message.reply_path, MailPath)
    return message.reply_path


def test_a_letter_becomes_a_message_that_can_be_answered() -> None:
    message = read_message(write_letter("Where is my order?\n\nAlice"))
    assert message.text == "Where is my order?\n\nAlice"
    assert message.sender is not None
    assert (message.sender.kind, message.sender.value, message.sender.name) == (
        "email", "alice@customer.example", "Alice Example",
    )  # fmt: skip
    assert get_path(message) == MailPath(
        to="alice@customer.example", name="Alice Example", subject="My order", in_reply_to="<first@customer.example>"
    )
    assert message.known_as == ("<first@customer.example>", "subject:my order")
    assert (message.follows, message.quoted, message.starts_turn) == ((), "", True)
    assert message.contact.startswith("alice@customer.example/")


def test_a_reply_from_gmails_web_page() -> None:
    mail = EmailMessage()
    mail["From"] = "Alice Example <alice@customer.example>"
    mail["Subject"] = "Re: My order"
    mail["Message-ID"] = "<CAKx1y2z3@mail.gmail.com>"
    mail["In-Reply-To"] = MAIL_ID
    mail["References"] = f"<first@customer.example> {MAIL_ID}"
    introduction = "On Sat, Nov 21, 2026 at 9:30 AM Harborline Support <support@desk.example>\nwrote:"
    mail.set_content(f"Still nothing.\n\n{introduction}\n\n> Dear Alice,\n> it left us.\n")
    mail.add_alternative('<div dir="ltr">Still nothing.</div><div class="gmail_quote">…</div>', subtype="html")
    message = read_message(mail, GMAIL, thread="18f0c0ffee")
    assert message.text == "Still nothing."
    assert message.quoted.startswith("On Sat, Nov 21")
    assert message.external_id == "7:42"
    assert message.follows == (MAIL_ID, "<first@customer.example>", "gmail-thread:18f0c0ffee", "subject:my order")
    assert message.known_as == ("<CAKx1y2z3@mail.gmail.com>", "gmail-thread:18f0c0ffee", "subject:my order")
    path = get_path(message)
    assert path.vendor_thread == "18f0c0ffee"
    assert path.references == ("<first@customer.example>", MAIL_ID)


def test_a_reply_from_outlook_in_html_alone() -> None:
    html = (
        '<html><head><style>p.MsoNormal {margin:0cm}</style></head><body><div class="WordSection1">'
        '<p class="MsoNormal">Immer noch nichts &amp; ich w&uuml;rde gern wissen, warum.<o:p></o:p></p>'
        '<div style="border-top:solid #E1E1E1 1.0pt"><p class="MsoNormal"><b>Von:</b> Harborline Support '
        "&lt;support@desk.example&gt;<br><b>Gesendet:</b> Samstag, 21. November 2026 09:30<br><b>An:</b> Alice<br>"
        '<b>Betreff:</b> AW: Bestellung</p></div><p class="MsoNormal">Ihre Bestellung ist unterwegs.</p></div></body>'
    )
    raw = write_raw(
        f"From: =?iso-8859-1?Q?Beispiel,_J=F6rg?= <joerg@customer.example>\nSubject: AW: Bestellung\n"
        f"Message-ID: {LONG_ID}\nIn-Reply-To: {MAIL_ID}\nContent-Type: text/html; charset=\"iso-8859-1\"",
        html, "iso-8859-1",
    )  # fmt: skip
    message = read_message(raw)
    assert message.text == "Immer noch nichts & ich würde gern wissen, warum."
    assert message.quoted.startswith("Von: Harborline Support <support@desk.example>\nGesendet: Samstag")
    assert message.sender is not None
    assert message.sender.name == "Beispiel, Jörg"
    assert message.follows == (MAIL_ID, "subject:bestellung")
    assert get_path(message).in_reply_to == LONG_ID
    assert get_path(message).subject == "AW: Bestellung"


def test_a_reply_from_apple_mail_with_a_picture_between_its_texts() -> None:
    raw = write_raw(
        "From: Alice <alice@customer.example>\nSubject: Re: My order\nMIME-Version: 1.0\n"
        "Content-Type: multipart/mixed; boundary=m",
        "--m\nContent-Type: text/plain; charset=utf-8\n\nLook:\n\n"
        "--m\nContent-Type: image/jpeg; name=IMG_1.jpg\nContent-Disposition: inline; filename=IMG_1.jpg\n"
        "Content-Transfer-Encoding: base64\n\n/9j/4AA=\n\n"
        "--m\nContent-Type: text/plain; charset=utf-8\n\nIt is broken.\n\n"
        "> On 21. Nov 2026, at 09:30, Harborline Support <support@desk.example> wrote:\n> \n> Dear Alice\n\n--m--",
    )
    message = read_message(raw)
    assert message.text == "Look:\n\nIt is broken."
    assert message.quoted.startswith("> On 21. Nov 2026")
    assert [(file.name, file.content_type) for file in message.attachments] == [("IMG_1.jpg", "image/jpeg")]


def test_a_letter_in_japanese() -> None:
    raw = write_raw(
        "From: =?ISO-2022-JP?B?GyRCQGlFRBsoQg==?= <taro@customer.example>\n"
        "Subject: =?ISO-2022-JP?B?GyRCQ21KOCRON28kRyQ5GyhC?=\nContent-Type: text/plain; charset=ISO-2022-JP\n"
        "Content-Transfer-Encoding: 7bit",
        "荷物がまだ届きません。\n\n2026年11月21日(土) 9:30 Support <support@desk.example>:\n\n> 発送しました。",
        "iso-2022-jp",
    )
    message = read_message(raw)
    assert message.text == "荷物がまだ届きません。"
    assert message.quoted.endswith("> 発送しました。")
    assert message.sender is not None
    assert message.sender.name == "千田"
    assert get_path(message).subject == "注文の件です"


def test_a_forward_is_all_text() -> None:
    body = "Is this from you?\n\nFrom: Bank <bank@bank.example>\nSent: today\nTo: Alice\nSubject: Pay now\n\nPay."
    message = read_message(write_letter(body, Subject="WG: Pay now"))
    assert (message.text, message.quoted) == (body, "")


def test_a_letter_that_is_only_a_subject_says_its_subject() -> None:
    assert read_message(write_letter("\n", Subject="Please cancel order 42")).text == "Please cancel order 42"


def test_a_letter_that_says_nothing_is_taken_all_the_same() -> None:
    message = read_message(write_letter("", Subject=""))
    assert (message.text, message.starts_turn) == ("", True)


def test_a_thread_is_followed_from_the_nearest_mail_to_the_oldest() -> None:
    raw = write_raw(
        "From: alice@customer.example\nReferences: <one@x.example> <two@x.example>\n <three@x.example>\n"
        "In-Reply-To: <three@x.example>"
    )
    assert read_message(raw).follows == ("<three@x.example>", "<two@x.example>", "<one@x.example>")


def test_an_answer_that_only_names_what_it_answers_still_hands_that_on() -> None:
    assert get_path(read_message(write_letter(In_Reply_To=MAIL_ID))).references == (MAIL_ID,)


def test_ids_without_brackets_are_ids() -> None:
    assert read_message(write_letter(In_Reply_To=MAIL_ID.strip("<>"))).follows == (MAIL_ID,)


def test_a_key_is_the_same_for_a_mail_and_for_what_follows_it_however_long_its_id() -> None:
    first = read_message(write_raw(f"From: alice@customer.example\nMessage-ID: <{'x' * 700}@customer.example>"))
    second = read_message(write_raw(f"From: alice@customer.example\nReferences: <{'x' * 700}@customer.example>"))
    assert first.known_as == second.follows
    assert len(first.known_as[0]) < 100


def test_there_are_at_most_fifty_keys_however_many_references() -> None:
    ids = " ".join(f"<{number}@x.example>" for number in range(400))
    message = read_message(write_letter(References=ids, Subject="Re: My order"), GMAIL, thread="1")
    assert len(message.follows) == 50
    assert message.follows[-2:] == ("gmail-thread:1", "subject:my order")
    assert len(get_path(message).references) == 20


@pytest.mark.parametrize(
    ("subject", "normal"),
    [
        ("My  Order", "my order"),
        ("Re: AW: Re[3]: My order", "my order"),
        ("SV: VS: Antw: RE(2): My order", "my order"),
        ("回复：我的订单", "我的订单"),
        ("Fwd: Re: My order", "my order"),
        ("Re:", ""),
        ("Regarding: my order", "regarding: my order"),
        ("Review my order", "review my order"),
    ],
)
def test_a_subject_without_its_marks_names_the_thread(subject: str, normal: str) -> None:
    assert normalise_subject(subject) == normal


@pytest.mark.parametrize(
    ("subject", "forward"),
    [("Fwd: x", True), ("Re: FW: x", True), ("WG: x", True), ("Re: x", False), ("Forward x", False)],
)
def test_a_forward_is_known_by_its_subject(subject: str, forward: bool) -> None:
    assert is_forward(subject) is forward


def test_a_new_letter_with_an_old_subject_follows_nothing() -> None:
    assert read_message(write_letter(Subject="My order")).follows == ()
    assert read_message(write_letter(Subject="RE: My order")).follows == ("subject:my order",)


RECEIVED = b"Received: from a.example by b.example; Sat, 21 Nov 2026 09:30:02 +0000\r\n"


def test_the_same_mail_found_again_by_another_way_is_the_same() -> None:
    raw = write_letter().as_bytes()
    again = read_message(RECEIVED + raw)
    assert read_message(raw).external_id == again.external_id
    assert read_message(raw).fingerprint == again.fingerprint
    assert read_message(raw.replace(b"\n", b"\r\n").replace(b"\r\r", b"\r")).external_id == again.external_id


def test_two_mails_with_one_message_id_are_two() -> None:
    mails = [
        write_letter(),
        write_letter("Else"),
        write_letter(Subject="Else"),
        write_letter(From="bob@customer.example"),
    ]
    assert len({read_message(mail).external_id for mail in mails}) == len(mails)


@pytest.mark.parametrize("header", ["", "Message-ID:", "Message-ID: ", "Message-ID: none"])
def test_mails_without_a_message_id_are_told_apart_by_their_bytes(header: str) -> None:
    one = write_raw(f"From: alice@customer.example\nSubject: Hi\n{header}".strip(), "One")
    other = one.replace(b"One", b"Two")
    assert read_message(one) == read_message(one)
    assert read_message(one).external_id != read_message(other).external_id
    assert read_message(one).contact != read_message(other).contact


def test_gmails_own_name_for_a_mail_is_kept() -> None:
    assert read_message(write_letter(), GMAIL).external_id == "7:42"


@pytest.mark.parametrize(
    "text", ["x" * 400_000, "\n".join(["wörd"] * 200_000), "😀" * 200_000, '"\\' * 200_000, "注" * 200_000]
)
@pytest.mark.parametrize("is_reply", [False, True])
def test_a_huge_mail_is_cut_and_says_so_and_fits_into_the_queue(text: str, is_reply: bool) -> None:
    body = f"Look:\n\nOn 21. Nov 2026, at 09:30, Support <s@desk.example> wrote:\n\n{text}" if is_reply else text
    references = " ".join(f"<{'x' * 200}{number}@x.example>" for number in range(80))
    raw = write_raw(
        f"From: alice@customer.example\nReferences: {references}\nContent-Type: text/plain; charset=utf-8\n"
        "Content-Transfer-Encoding: 8bit",
        body,
    )
    message = read_message(raw)
    cut = message.quoted if is_reply else message.text
    assert "Cut here" in cut[-80:]
    assert len(message.text) <= 100_100
    assert len(message.quoted) <= 50_100
    assert len(message.model_dump_json().encode()) < 250_000


def test_what_the_desk_keeps_is_json_without_anything_that_postgres_refuses() -> None:
    raw = write_raw(
        "From: \"A\x00\x07\x1b b\" <alice@customer.example>\nSubject: =?utf-8?b?AGEA?= \x00x\nMessage-ID: <a\x00b@c>\n"
        "References: <d\x00e@f> <ok@f>",
        "Hi\x00 \x1b[31m there",
    )  # fmt: skip
    stored = read_message(raw).model_dump_json()
    assert "\\u0000" not in stored
    assert "\\u001b" not in stored
    assert json.loads(stored)["text"] == "Hi [31m there"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\r\n \r\n",
        b"just text without any header",
        b"From: a@customer.example\r\n" + b"Content-Type: message/rfc822\r\n\r\n" * 300,
        b"From: a@customer.example\r\n" + b"Content-Type: message/rfc822\r\n\r\n" * 1500,
        b"From: a@customer.example\r\n\r\n" + b"\n" * 1_000_001,
        b"From: a@customer.example\r\n"
        + b"".join(b"Content-Type: multipart/mixed; boundary=%d\r\n\r\n--%d\r\n" % (n, n) for n in range(60)),
        b"From: a@customer.example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 600,
    ],
    ids=[
        "empty",
        "blank",
        "no header",
        "mails in mails",
        "more mails in mails",
        "endless",
        "nested parts",
        "many parts",
    ],
)
def test_what_is_no_mail_is_refused_with_a_reason(raw: bytes) -> None:
    with pytest.raises(MalformedSource, match="mail"):
        parse_body(raw)


@pytest.mark.parametrize(
    "header",
    [
        "Content-Type: text/plain; " + ";" * 900_000,
        "Content-Type: multipart/mixed; " + "a=b;" * 200_000,
        "From: " + "(" * 300_000,
        "Subject: " + "=?utf-8?q?" * 80_000,
        "References: " + "<" * 900_000,
        "Authentication-Results: " + '"(' * 400_000,
    ],
    ids=["semicolons", "parameters", "comments", "words", "ids", "results"],
)
@pytest.mark.timeout(10)
def test_a_header_of_a_megabyte_costs_no_more_than_a_moment(header: str) -> None:
    assert read_message(write_raw(f"From: alice@customer.example\n{header}")).text == "Where is my order?"


@pytest.mark.parametrize("boundary", ["boundary*=x; boundary*0=y", f"boundary*{'0' * 5000}=y", "boundary*0*=%ZZ'"])
@pytest.mark.parametrize("lead", ["", "Content-Type: message/rfc822\n\n"])
def test_parameters_that_contradict_each_other_are_none(boundary: str, lead: str) -> None:
    raw = write_raw(
        f"From: alice@customer.example\n{lead}Content-Type: multipart/mixed; {boundary}", "--x\n\nHi\n--x--"
    )
    assert len(parse_body(raw).messages) == 1


def test_generated_mails_are_varied_the_same_again_and_all_readable() -> None:
    mails = make_mails(120, seed=7)
    assert mails == make_mails(120, seed=7)
    assert len(set(mails)) > 100
    parsed = [parse_body(mail) for mail in mails]
    assert sum(len(one.messages) for one in parsed) > 90
    assert sum(len(one.statuses) for one in parsed) > 3
    assert any(one.messages and one.messages[0].quoted for one in parsed)
    assert any(one.contents for one in parsed)
