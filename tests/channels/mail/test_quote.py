"""Quoted text is told from what was written now; where that is doubtful, everything stays."""

from time import thread_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.mail.quote import split_reply
from tests.fuzz import fuzz_settings

OLD = "\n\n> Dear Alice,\n>\n> your order left us today.\n"
INTRODUCTIONS = {
    "Gmail": "On Sat, Nov 21, 2026 at 9:30 AM Harborline Support <support@desk.example> wrote:",
    "Gmail wrapped": "On Sat, Nov 21, 2026 at 9:30 AM Harborline Support\n<support@desk.example> wrote:",
    "Apple Mail": "On 21. Nov 2026, at 09:30, Harborline Support <support@desk.example> wrote:",
    "German": "Am Sa., 21. Nov. 2026 um 09:30 Uhr schrieb Harborline Support <support@desk.example>:",
    "Thunderbird German": "Am 21.11.26 um 09:30 schrieb Harborline Support:",
    "French": "Le sam. 21 nov. 2026 à 09:30, Harborline Support <support@desk.example> a écrit :",
    "Spanish": "El sáb, 21 nov 2026 a las 9:30, Harborline Support (<support@desk.example>) escribió:",
    "Portuguese": "Em sáb., 21 de nov. de 2026 às 09:30, Harborline Support <support@desk.example> escreveu:",
    "Italian": "Il giorno sab 21 nov 2026 alle ore 09:30 Harborline Support <support@desk.example> ha scritto:",
    "Dutch": "Op za 21 nov 2026 om 09:30 schreef Harborline Support <support@desk.example>:",
    "Polish": "sob., 21 lis 2026 o 09:30 Harborline Support <support@desk.example> napisał(a):",
    "Swedish": "Den lör 21 nov. 2026 kl 09:30 skrev Harborline Support <support@desk.example>:",
    "Japanese": "2026年11月21日(土) 9:30 Harborline Support <support@desk.example>:",
    "Chinese": "Harborline Support <support@desk.example> 于2026年11月21日周六 09:30写道：",
    "Korean": "2026년 11월 21일 (토) 오전 9:30, Harborline Support <support@desk.example>님이 작성:",
    "Russian": "сб, 21 нояб. 2026 г. в 09:30, Harborline Support <support@desk.example>:",
}
OUTLOOK = (
    "From: Harborline Support <support@desk.example>\nSent: Saturday, November 21, 2026 9:30 AM\nTo: Alice\n"
    "Subject: RE: My order\n\nDear Alice,\nyour order left us today."
)
OUTLOOK_GERMAN = (
    "Von: Harborline Support\nGesendet: Samstag, 21. November 2026 09:30\nAn: Alice\nBetreff: AW: Bestellung\n\n"
    "Ihre Bestellung ist unterwegs."
)


@pytest.mark.parametrize("program", INTRODUCTIONS)
@pytest.mark.parametrize("quoted", [OLD, "\nDear Alice,\nyour order left us today."], ids=["marked", "unmarked"])
def test_a_reply_above_its_quotation_is_taken_alone(program: str, quoted: str) -> None:
    reply = split_reply(f"Still nothing here.\n\nAlice\n\n{INTRODUCTIONS[program]}{quoted}")
    assert reply.text == "Still nothing here.\n\nAlice"
    assert reply.quoted == f"{INTRODUCTIONS[program]}{quoted}".strip()


@pytest.mark.parametrize(
    "rule",
    ["", "________________________________\n", "-----Original Message-----\n", "-----Ursprüngliche Nachricht-----\n"],
)
@pytest.mark.parametrize("old", [OUTLOOK, OUTLOOK_GERMAN])
def test_outlooks_header_begins_a_quotation(rule: str, old: str) -> None:
    reply = split_reply(f"Still nothing here.\n\n{rule}{old}")
    assert reply.text == "Still nothing here."
    assert old in reply.quoted or reply.quoted.endswith(old.partition("\n")[2])


@pytest.mark.parametrize(
    "text",
    [
        "On Monday I wrote:\nplease cancel my order",
        "On 21 November I wrote to you: please cancel my order",
        "I want to travel\nFrom: Berlin\nTo: Paris\nDate: 5 May 2026\nfor two.",
        "These are my questions:\n- Where is it?\n- When will it come, before 12:30?",
        "My details (as of 2026):\nName: Alice\nOrder: 42\nCity: Paris\nStreet: Rue 1",
        "Please call me at 9:30:\n555-0100",
        "",
    ],
)
def test_what_only_looks_like_a_quotation_stays(text: str) -> None:
    assert split_reply(text) == split_reply(text, is_forward=True)
    assert split_reply(text).text == text


def test_answers_between_the_lines_stay_with_what_they_answer() -> None:
    text = f"See below.\n\n{INTRODUCTIONS['Gmail']}\n> Which size?\nLarge.\n> Which colour?\nRed."
    assert split_reply(text).text == text
    assert split_reply(text).quoted == ""


def test_an_answer_below_its_quotation_is_taken_alone() -> None:
    reply = split_reply(f"{INTRODUCTIONS['Gmail']}\n> Which size?\n\nLarge, please.")
    assert (reply.text, reply.quoted) == ("Large, please.", f"{INTRODUCTIONS['Gmail']}\n> Which size?")


def test_a_signature_below_the_quotation_is_no_answer() -> None:
    assert split_reply(f"Thanks.\n\n{INTRODUCTIONS['Gmail']}\n> Which size?\n\n-- \nAlice").text == "Thanks."


@pytest.mark.parametrize(
    "marker",
    [
        "---------- Forwarded message ---------",
        "Begin forwarded message:",
        "-------- Weitergeleitete Nachricht --------",
        "---------- 転送 ----------",
    ],
)
def test_a_forward_is_all_text(marker: str) -> None:
    text = f"Is this from you?\n\n{marker}\n{OUTLOOK}"
    assert split_reply(text).text == text


def test_a_mail_whose_subject_says_forward_is_all_text() -> None:
    text = f"Is this from you?\n\n{OUTLOOK}"
    assert split_reply(text, is_forward=True).text == text


@pytest.mark.parametrize("text", [OUTLOOK, f"{INTRODUCTIONS['German']}{OLD}".strip(), "> only this"])
def test_a_mail_that_would_say_nothing_is_all_text(text: str) -> None:
    assert split_reply(text).text == text


HOSTILE = [
    "On ",
    "On \n",
    "On On\n",
    "On 1.1. x wrote:\n",
    "Am 1.1. Am ",
    "> " * 80 + "On 1.1:\n",
    "On " * 90 + "1.1:\n",
    "2026年3月3日(火) 10:12 < " * 12 + ":\n",
    "From: a\n",
    "From:\n\n",
    "-----\n",
    "----- a\n",
    "*_ ",
    "\n",
    " ",
    "<a@b> 2026 ",
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_220_kb_of_what_makes_expressions_slow_take_no_time(piece: str) -> None:
    text = piece * (220_000 // len(piece))
    started = thread_time()  # this thread's own work, whoever else uses the machine
    reply = split_reply(text)
    assert thread_time() - started < 4
    assert reply.text


PIECES = st.sampled_from(
    [*INTRODUCTIONS.values(), OUTLOOK, OLD, "> ", ">", "\n", "\n\n", "--\n", "On ", ":", "12:30", "Hello", *HOSTILE]
)


@fuzz_settings
@given(text=st.lists(PIECES | st.text(max_size=20), max_size=12).map("".join))
def test_no_line_is_lost_and_none_is_invented(text: str) -> None:
    reply = split_reply(text)
    kept = [line for line in f"{reply.text}\n{reply.quoted}".split("\n") if line.strip(" \t-_=*>")]
    given_lines = text.split("\n")
    assert all(any(line in whole for whole in given_lines) for line in kept)
    assert bool(reply.text.strip()) == bool(text.strip())
