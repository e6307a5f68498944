"""Getting into a mailbox, or being told in the right words why not."""

from contextlib import aclosing

import pytest

from channels.base import SignInNeeded, VendorAway
from tests.acceptance.processes import find_free_port
from tests.channels.mailbox.desk import Desk, Waits, make_access, make_poller
from tests.emulators.certificates import Certificate
from tests.emulators.scripted_imap import run_scripted_imap

SECRET = "an unspeakable password"


async def test_a_mailbox_is_read_over_tls(desk: Desk) -> None:
    access = make_access(desk, tls=desk.server.certificate.trust(), host="localhost")
    async with aclosing(make_poller(desk, access)) as poller:
        assert len((await poller.list_new("0:0", None)).external_ids) == 2


async def test_a_server_whose_certificate_nobody_vouches_for_is_not_talked_to(
    desk: Desk, certificate: Certificate
) -> None:
    async with aclosing(make_poller(desk, make_access(desk, tls=certificate.trust()))) as poller:
        with pytest.raises(VendorAway, match="SSLCertVerificationError"):
            await poller.list_new(None, None)


async def test_a_refused_password_needs_a_person_and_is_not_tried_again_soon(desk: Desk) -> None:
    waits = Waits()
    async with aclosing(make_poller(desk, make_access(desk, password=SECRET), waits)) as poller:
        with pytest.raises(SignInNeeded) as caught:
            await poller.list_new(None, None)
        assert SECRET not in str(caught.value)
        await poller.wait_for_news(600)
    assert waits.seconds == [600]


@pytest.mark.parametrize(
    "answer",
    [
        "{tag} NO [UNAVAILABLE] later",
        "{tag} NO [ALERT] Too many simultaneous connections. (Failure)",
        "{tag} NO [LIMIT] enough",
        "{tag} BAD what?",
    ],
)
async def test_a_server_that_signs_nobody_in_at_the_moment_is_away(desk: Desk, answer: str) -> None:
    async with (
        run_scripted_imap({"LOGIN": [answer]}) as port,
        aclosing(make_poller(desk, make_access(desk, port=port))) as poller,
    ):
        with pytest.raises(VendorAway):
            await poller.list_new(None, None)


async def test_a_refusal_is_heard_even_if_the_server_hangs_up_in_the_same_breath(desk: Desk) -> None:
    async with (
        run_scripted_imap({"LOGIN": ["{tag} NO [AUTHENTICATIONFAILED] no", "* BYE"], "LOGOUT": None}) as port,
        aclosing(make_poller(desk, make_access(desk, port=port))) as poller,
    ):
        with pytest.raises(SignInNeeded):
            await poller.list_new(None, None)


async def test_nobody_listening_is_away(desk: Desk) -> None:
    async with aclosing(make_poller(desk, make_access(desk, port=find_free_port()))) as poller:
        with pytest.raises(VendorAway, match="ConnectionRefusedError"):
            await poller.list_new(None, None)


async def test_a_server_that_greets_with_goodbye_is_away(desk: Desk) -> None:
    async with (
        run_scripted_imap({}, greeting="* BYE too many connections") as port,
        aclosing(make_poller(desk, make_access(desk, port=port))) as poller,
    ):
        with pytest.raises(VendorAway):
            await poller.list_new(None, None)


@pytest.mark.parametrize("command", ["LOGIN", "SELECT", "SEARCH"])
async def test_a_server_that_hangs_up_in_the_middle_is_away(desk: Desk, command: str) -> None:
    async with (
        run_scripted_imap({command: None}) as port,
        aclosing(make_poller(desk, make_access(desk, port=port))) as poller,
    ):
        with pytest.raises(VendorAway):
            await poller.list_new("7:3", None)


@pytest.mark.parametrize("command", ["SELECT", "SEARCH", "FETCH"])
@pytest.mark.parametrize("answer", ["{tag} NO not now", "{tag} BAD what?"])
async def test_a_refused_command_is_never_taken_for_an_empty_mailbox(desk: Desk, command: str, answer: str) -> None:
    async with (
        run_scripted_imap({command: [answer]}) as port,
        aclosing(make_poller(desk, make_access(desk, port=port))) as poller,
    ):
        asking = poller.fetch("7:3") if command == "FETCH" else poller.list_new("7:3", None)
        with pytest.raises(VendorAway):
            await asking


async def test_a_folder_without_lasting_uids_is_not_read(desk: Desk) -> None:
    async with (
        run_scripted_imap({"SELECT": ["* 1 EXISTS", "* OK [UIDVALIDITY 7] ok", "{tag} OK done"]}) as port,
        aclosing(make_poller(desk, make_access(desk, port=port))) as poller,
    ):
        with pytest.raises(VendorAway, match="UIDs"):
            await poller.list_new(None, None)


async def test_a_flood_of_changes_is_never_taken_for_an_empty_mailbox(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    # aioimaplib reads each line one call deeper, and Python has an end to that.
    flood = ["* 1 EXPUNGE"] * 5_000
    async with (
        run_scripted_imap({"SEARCH": [*flood, "* SEARCH 9", "{tag} OK done"]}) as port,
        aclosing(make_poller(desk, make_access(desk, port=port))) as poller,
    ):
        with pytest.raises(VendorAway):
            await poller.list_new("7:3", None)
    assert "RecursionError" in caplog.text


async def test_a_folder_that_is_not_there_is_named_by_its_setting(desk: Desk) -> None:
    async with aclosing(make_poller(desk, make_access(desk, folder="Nowhere"))) as poller:
        with pytest.raises(VendorAway, match="MAILBOX_FOLDER"):
            await poller.list_new(None, None)


def test_the_password_is_in_no_representation(desk: Desk) -> None:
    assert SECRET not in repr(make_access(desk, password=SECRET))
