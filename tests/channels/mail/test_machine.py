"""The loop guard: no machine's mail starts a turn; what people may want to see is kept all the same."""

import pytest

from benchmarks.letters import ACCOUNT, MAIL_ID, OUTBOX_ID, parse_body, read_message, write_letter, write_raw
from channels.mail.account import MailAccount
from channels.mail.compose import LOOP_HEADER, REPLY_HEADER

ALICE = "From: alice@customer.example\n"


@pytest.mark.parametrize(
    "header",
    [
        "Auto-Submitted: auto-replied",
        "Auto-Submitted: Auto-Generated",
        "auto-submitted: auto-replied; owner-email=\"no\"",
        "Auto-Submitted: auto-notified",
        "Auto-Submitted: nobody-knows",
        "X-Autoreply: yes",
        "X-Autorespond: vacation",
        "Precedence: auto_reply",
        "X-Precedence: Auto_Reply",
        "Return-Path: <>",
        "List-Unsubscribe: <https://shop.example/unsubscribe>",
    ],
)  # fmt: skip
def test_an_automatic_mail_is_kept_for_people_and_starts_no_turn(header: str) -> None:
    message = read_message(write_raw(ALICE + header, "I am away until Monday."))
    assert not message.starts_turn
    assert message.text == "I am away until Monday."


@pytest.mark.parametrize(
    "header",
    [
        "Auto-Submitted: no",
        "Auto-Submitted: No",
        "Auto-Submitted: no; by=hand",
        "Auto-Submitted: no (typed)",
        "Precedence: first-class",
        "X-Autoreply: no",
        "Return-Path: <alice@customer.example>",
        "X-Auto-Response-Suppress: All",
        "X-Loop: somebody@else.example",
        "Message-ID: <0193b1b27c3d4e4f8a5b6c7d8e9f0a1b@desk.example>",
        "Message-ID: <0193b1b27c3d7e4f8a5b6c7d8e9f0a1b@customer.example>",
    ],
)
def test_a_persons_mail_starts_a_turn(header: str) -> None:
    assert read_message(write_raw(ALICE + header)).starts_turn


@pytest.mark.parametrize(
    "header",
    [
        "List-Id: News <news.shop.example>",
        "List-Post: <mailto:news@shop.example>",
        "Precedence: bulk",
        "Precedence: Junk",
        "X-Precedence: list",
        f"{REPLY_HEADER}: {OUTBOX_ID}",
        f"{LOOP_HEADER}: Support@Desk.example",
        f"Message-ID: {MAIL_ID}",
    ],
)
def test_lists_bulk_and_our_own_mail_are_not_taken(header: str) -> None:
    parsed = parse_body(write_raw(ALICE + header))
    assert not parsed.messages
    assert len(parsed.ignored) == 1


@pytest.mark.parametrize(
    "sender",
    ["support@desk.example", "SUPPORT@Desk.Example", "support+ticket@desk.example", "help@desk.example"],
)
def test_mail_from_our_own_addresses_is_not_taken(sender: str) -> None:
    assert "our own" in parse_body(write_letter(From=sender)).ignored[0]


@pytest.mark.parametrize(
    "sender",
    [
        "no-reply@shop.example",
        "noreply@shop.example",
        "do_not_reply@shop.example",
        "DoNotReply@shop.example",
        "postmaster@shop.example",
        "notifications@shop.example",
        "bounce+42@shop.example",
    ],
)
def test_senders_that_take_no_replies_start_no_turn(sender: str) -> None:
    assert not read_message(write_letter(From=sender)).starts_turn


@pytest.mark.parametrize(
    "sender", ["norbert@shop.example", "noreen@shop.example", "alice.postmaster@shop.example", "bouncer@shop.example"]
)
def test_people_whose_names_look_like_machines_are_people(sender: str) -> None:
    assert read_message(write_letter(From=sender)).starts_turn


def test_a_letter_that_offers_to_unsubscribe_is_left_to_a_person() -> None:
    message = read_message(write_letter("My invoice is wrong.", List_Unsubscribe="<https://customer.example/u>"))
    assert message.text == "My invoice is wrong."
    assert not message.starts_turn


def test_an_answering_machine_that_calls_itself_bulk_is_kept_if_it_answers() -> None:
    assert not read_message(write_raw(f"{ALICE}Precedence: bulk\nIn-Reply-To: {MAIL_ID}")).starts_turn


@pytest.mark.parametrize(
    "headers",
    [
        {"List_Id": "<support.desk.example>", "Precedence": "list", "List_Unsubscribe": "<https://groups.example/u>"},
        {"List_Post": "<https://groups.example/p>, <mailto:help@desk.example>", "List_Id": "<group-7.groups.example>"},
    ],
)
def test_a_letter_through_a_group_that_is_the_desk_itself_is_a_letter(headers: dict[str, str]) -> None:
    assert read_message(write_letter(**headers)).starts_turn


@pytest.mark.parametrize(
    ("address", "own"),
    [
        ("support@desk.example", True),
        (" Support+x+y@DESK.example ", True),
        ("help+1@desk.example", True),
        ("support@desk.example.evil.example", False),
        ("support2@desk.example", False),
        ("", False),
        ("+@desk.example", False),
    ],
)
def test_an_account_knows_its_addresses(address: str, own: bool) -> None:
    assert ACCOUNT.is_own(address) is own


def test_an_account_with_a_tag_in_its_own_address_knows_itself() -> None:
    account = MailAccount("gmail", "team+desk@gmail.example", "Team")
    assert account.is_own("team+desk@gmail.example")
    assert not account.is_own("other+desk@gmail.example")
