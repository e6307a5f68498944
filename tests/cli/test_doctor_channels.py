"""`nightdesk doctor` and the vendors: each is asked by itself, and what it refuses is said with what to do."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from channels.base import ChannelKit, VendorAway
from channels.registry import BUILDERS
from cli.doctor.channels import plan_channels
from cli.doctor.checks import Check, run_check
from core.findings import Finding
from core.settings import Settings
from tests.acceptance.processes import find_free_port
from tests.channels.mailbox.conftest import dovecot  # noqa: F401  # a fixture
from tests.cli.doctor_desk import (
    PUBLIC_URL,
    configure_gmail,
    configure_mailbox,
    configure_number,
    configure_twilio,
    find_troubles,
    list_troubles,
    look,
    make_settings,
)
from tests.emulators import dovecot as imap_server
from tests.emulators.dovecot import Dovecot
from tests.emulators.gmail import serve_gmail
from tests.emulators.gmail_faults import Fault
from tests.emulators.gmail_rest import Gmail
from tests.emulators.meta import serve_meta
from tests.emulators.meta_cloud import MetaCloud
from tests.emulators.smtp import PASSWORD, USER, run_smtp
from tests.emulators.twilio import serve_twilio
from tests.emulators.twilio_state import Fault as TwilioFault
from tests.emulators.twilio_state import State

ELSEWHERE = "https://old.example.com/hook"


@pytest.fixture
async def gmail() -> AsyncIterator[Gmail]:
    async with serve_gmail() as served:
        yield served


@pytest.fixture
async def twilio() -> AsyncIterator[State]:
    async with serve_twilio() as state:
        yield state


@pytest.fixture
async def meta() -> AsyncIterator[MetaCloud]:
    async with serve_meta() as cloud:
        yield cloud


async def test_accounts_that_work_are_fine(gmail: Gmail, twilio: State, meta: MetaCloud, tmp_path: Path) -> None:
    parts = configure_gmail(gmail.url) | configure_twilio(twilio) | configure_number(meta)
    results = await look(plan_channels(make_settings(tmp_path, **parts)))
    assert not list_troubles(results)
    assert {result.subject for result in results} == {"Gmail", "Twilio", "Meta"}


async def test_asking_sends_nothing_and_changes_nothing(
    gmail: Gmail, twilio: State, meta: MetaCloud, tmp_path: Path
) -> None:
    parts = configure_gmail(gmail.url) | configure_twilio(twilio) | configure_number(meta)
    await look(plan_channels(make_settings(tmp_path, **parts)))
    assert gmail.requests["watch"] == 0
    assert set(twilio.requests) == {"account", "senders"}
    assert not meta.seen


async def test_without_channels_the_web_form_is_named(tmp_path: Path) -> None:
    (result,) = await look(plan_channels(make_settings(tmp_path)))
    assert (result.subject, result.finding.level) == ("web", "ok")


async def test_a_channel_configured_in_part_does_not_hide_the_others(twilio: State, tmp_path: Path) -> None:
    parts = configure_twilio(twilio) | configure_gmail("http://127.0.0.1:9", push_account=None)
    results = await look(plan_channels(make_settings(tmp_path, **parts)))
    broken, *others = results
    assert (broken.subject, broken.finding.level) == ("gmail", "problem")
    assert "GMAIL_PUSH_ACCOUNT" in broken.finding.found
    assert {result.subject for result in others} == {"Twilio"}


async def test_gmail_wants_a_new_sign_in(gmail: Gmail, tmp_path: Path) -> None:
    gmail.accounts.is_revoked = True
    ((subject, level, _, remedy),) = await find_troubles(
        plan_channels(make_settings(tmp_path, **configure_gmail(gmail.url)))
    )
    assert (subject, level) == ("Gmail", "problem")
    assert "`nightdesk gmail authorize`" in str(remedy)


async def test_gmail_is_signed_in_to_another_mailbox(gmail: Gmail, tmp_path: Path) -> None:
    parts = configure_gmail(gmail.url, address="other@example.com")
    ((_, level, found, remedy),) = await find_troubles(plan_channels(make_settings(tmp_path, **parts)))
    assert level == "problem"
    assert "GMAIL_ADDRESS is other@example.com" in found
    assert "choose other@example.com" in str(remedy)


async def test_gmail_refuses_the_whole_project(gmail: Gmail, tmp_path: Path) -> None:
    gmail.faults.plan("getProfile", Fault("error", status=403, reason="accessNotConfigured", message="API disabled"))
    ((subject, level, found, _),) = await find_troubles(
        plan_channels(make_settings(tmp_path, **configure_gmail(gmail.url)))
    )
    assert (subject, level) == ("Gmail", "problem")
    assert "API disabled" in found


async def test_twilio_refuses_the_credentials(twilio: State, tmp_path: Path) -> None:
    parts = configure_twilio(twilio)
    twilio.account.auth_token = "renewed"
    ((subject, level, _, remedy),) = await find_troubles(plan_channels(make_settings(tmp_path, **parts)))
    assert (subject, level) == ("Twilio", "problem")
    assert "TWILIO_AUTH_TOKEN" in str(remedy)


@pytest.mark.parametrize(
    ("change", "level", "expected"),
    [
        ({"status": "suspended"}, "problem", "the account is suspended"),
        ({"kind": "Trial"}, "advice", "verified numbers alone"),
        ({"sender_status": "OFFLINE"}, "problem", "+15550100 is OFFLINE"),
        ({"sender_status": None}, "advice", "the sandbox never is"),
        ({"webhook": ""}, "problem", "nowhere"),
        ({"webhook": ELSEWHERE}, "problem", ELSEWHERE),
    ],
)
async def test_twilio_says_what_is_wrong_with_the_account(
    change: dict[str, str | None], level: str, expected: str, twilio: State, tmp_path: Path
) -> None:
    parts = configure_twilio(twilio)
    for name, value in change.items():
        setattr(twilio.account, name, value)
    ((_, found_level, found, remedy),) = await find_troubles(plan_channels(make_settings(tmp_path, **parts)))
    assert found_level == level
    assert expected in found
    assert remedy is not None


async def test_where_twilio_should_post_is_said_where_it_does_not_show_the_sender(
    twilio: State, tmp_path: Path
) -> None:
    twilio.faults.append(TwilioFault("senders", "error", status=404, code=20404))
    ((_, level, _, remedy),) = await find_troubles(plan_channels(make_settings(tmp_path, **configure_twilio(twilio))))
    assert level == "advice"
    assert f"{PUBLIC_URL}/webhooks/whatsapp#rc=5&rp=all" in str(remedy)


async def test_meta_refuses_the_token(meta: MetaCloud, tmp_path: Path) -> None:
    parts = configure_number(meta)
    meta.token = "renewed"
    ((subject, level, _, remedy),) = await find_troubles(plan_channels(make_settings(tmp_path, **parts)))
    assert (subject, level) == ("Meta", "problem")
    assert "META_ACCESS_TOKEN" in str(remedy)


async def test_meta_posts_elsewhere(meta: MetaCloud, tmp_path: Path) -> None:
    parts = configure_number(meta)
    meta.subscribed_url = ELSEWHERE
    ((_, level, found, remedy),) = await find_troubles(plan_channels(make_settings(tmp_path, **parts)))
    assert level == "problem"
    assert ELSEWHERE in found
    assert f"{PUBLIC_URL}/webhooks/whatsapp/meta" in str(remedy)


@pytest.mark.parametrize(("missing", "level"), [("app_secret", "problem"), ("verify_token", "advice")])
async def test_meta_cannot_be_believed_without_our_secrets(
    missing: str, level: str, meta: MetaCloud, tmp_path: Path
) -> None:
    parts = configure_number(meta, **{missing: None})
    ((_, found_level, _, remedy),) = await find_troubles(plan_channels(make_settings(tmp_path, **parts)))
    assert found_level == level
    assert f"META_{missing.upper()}" in str(remedy)


async def test_a_number_that_customers_block_is_named(meta: MetaCloud, tmp_path: Path) -> None:
    meta.quality = "RED"
    ((_, level, found, _),) = await find_troubles(plan_channels(make_settings(tmp_path, **configure_number(meta))))
    assert level == "advice"
    assert "RED" in found


async def test_a_mailbox_that_works_gets_no_mail(dovecot: Dovecot, tmp_path: Path) -> None:  # noqa: F811
    dovecot.start()
    dovecot.deliver(USER, b"Subject: first\r\n\r\nfirst")
    async with run_smtp(needs_sign_in=True) as smtp:
        parts = configure_mailbox(USER, PASSWORD, imap_port=dovecot.port, smtp_port=smtp.port)
        assert not await find_troubles(plan_channels(make_settings(tmp_path, **parts)))
    assert smtp.sign_ins == [True]
    assert not smtp.accepted
    assert imap_server.PASSWORD == PASSWORD


async def test_both_servers_of_a_mailbox_refuse_the_password(dovecot: Dovecot, tmp_path: Path) -> None:  # noqa: F811
    dovecot.start()
    async with run_smtp(needs_sign_in=True) as smtp:
        parts = configure_mailbox(USER, "wrong", imap_port=dovecot.port, smtp_port=smtp.port)
        troubles = await find_troubles(plan_channels(make_settings(tmp_path, **parts)))
    assert [trouble[:2] for trouble in troubles] == [("IMAP 127.0.0.1", "problem"), ("SMTP 127.0.0.1", "problem")]
    assert all("MAILBOX_PASSWORD" in str(remedy) for *_, remedy in troubles)


async def test_servers_that_are_not_there_are_said_by_their_settings(tmp_path: Path) -> None:
    parts = configure_mailbox(USER, PASSWORD, imap_port=find_free_port(), smtp_port=find_free_port())
    imap, smtp = await find_troubles(plan_channels(make_settings(tmp_path, **parts)))
    assert "MAILBOX_IMAP_PORT" in str(imap[3])
    assert "MAILBOX_SMTP_PORT" in str(smtp[3])


async def test_a_vendor_that_says_nothing_is_given_up_in_time() -> None:
    async def wait_for_ever() -> list[Finding]:
        await asyncio.Event().wait()
        return []

    (result,) = await run_check(Check("Channels", "Silent", wait_for_ever, "SILENT_HOST"), seconds=0.01)
    assert result.finding.level == "problem"
    assert "no answer" in result.finding.found
    assert "SILENT_HOST" in str(result.finding.remedy)


async def test_a_check_that_fails_is_a_finding_without_its_words() -> None:
    async def stumble() -> list[Finding]:
        raise KeyError("mark")

    (result,) = await run_check(Check("Channels", "Broken", stumble))
    assert result.finding.level == "problem"
    assert "KeyError at test_doctor_channels.py" in result.finding.found
    assert "mark" not in result.finding.found + str(result.finding.remedy)


async def test_a_vendors_words_are_shown_without_what_may_be_a_token() -> None:
    async def quote() -> list[Finding]:
        raise VendorAway("it said ya29.a0AfB_byC1234567890abcdefghij and more")

    (result,) = await run_check(Check("Channels", "Loud", quote))
    assert result.finding.found == "it said ya29.… and more"


async def test_a_channel_that_cannot_be_built_does_not_hide_the_others(
    twilio: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(_settings: Settings) -> ChannelKit:
        raise ValueError("mark")

    monkeypatch.setitem(BUILDERS, "gmail", stumble)
    results = await look(plan_channels(make_settings(tmp_path, **configure_twilio(twilio))))
    assert "ValueError" in results[0].finding.found
    assert {result.subject for result in results} == {"gmail", "Twilio"}
