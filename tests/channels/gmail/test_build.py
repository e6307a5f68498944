"""Putting the channel together: complete, in part, or not at all."""

from pathlib import Path
from typing import Any

import pytest

from channels import gmail
from channels.base import SignInNeeded
from core.channel_settings import AttachmentSettings, GmailSettings
from core.errors import OperatorError
from core.settings import ApiSettings, Settings
from database.types import Source
from tests.channels.gmail.desk import TOPIC, make_mail, make_settings
from tests.emulators.gmail import ADDRESS

OAUTH: dict[str, Any] = {"address": ADDRESS, "client_id": "id", "client_secret": "client-secret"}


def make(folder: Path, **values: object) -> Settings:
    return Settings.model_construct(data_dir=folder, gmail=GmailSettings.model_validate(values))


def configure_pushes(folder: Path, public_url: str | None, push_audience: str | None = None) -> Settings:
    return Settings.model_construct(
        data_dir=folder,
        gmail=make_settings("http://127.0.0.1:9", push_audience=push_audience),
        api=ApiSettings(public_url=public_url),
        attachment=AttachmentSettings(max_bytes=2048),
    )


def test_without_any_setting_mail_can_be_written_and_nothing_else(tmp_path: Path) -> None:
    kit = gmail.build(make(tmp_path))
    assert (kit.sender, kit.reconciler, dict(kit.receivers), tuple(kit.pollers)) == (None, None, {}, ())


def test_a_configured_mailbox_reads_sends_and_takes_pushes(tmp_path: Path) -> None:
    settings = configure_pushes(tmp_path, public_url="https://desk.example.com")
    kit = gmail.build(settings)
    assert kit.sender is not None
    assert kit.reconciler is not None
    assert set(kit.receivers) == {"gmail"}
    assert [(poller.channel, poller.inbox, poller.poll_seconds) for poller in kit.pollers] == [("gmail", ADDRESS, 60.0)]
    assert kit.sends_per_minute == 45


def test_pushes_whose_audience_only_the_request_would_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=r"GMAIL_PUSH_AUDIENCE.*API_PUBLIC_URL"):
        gmail.build(configure_pushes(tmp_path, public_url=None))
    assert "gmail" in gmail.build(configure_pushes(tmp_path, public_url=None, push_audience="our-desk")).receivers


def test_files_are_kept_up_to_the_size_that_is_configured(tmp_path: Path) -> None:
    (poller,) = gmail.build(configure_pushes(tmp_path, public_url="https://desk.example.com")).pollers
    mail = make_mail(files=(b"x" * 2048, b"y" * 2049))
    (message,) = poller.parse(Source("gmail", ADDRESS, "19aa", mail, {})).messages
    assert [file.problem for file in message.attachments] == [None, "larger than 2,048 bytes"]


async def test_a_mailbox_that_nobody_signed_in_to_is_built_and_says_so_when_used(tmp_path: Path) -> None:
    (poller,) = gmail.build(make(tmp_path, **OAUTH)).pollers
    with pytest.raises(SignInNeeded, match="nightdesk gmail authorize"):
        await poller.list_new(None, None)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"client_id": "id"}, ["GMAIL_ADDRESS", "GMAIL_CLIENT_ID"]),
        ({"topic": TOPIC}, ["GMAIL_ADDRESS", "GMAIL_TOPIC"]),
        ({"address": ADDRESS}, ["GMAIL_CLIENT_ID", "GMAIL_CLIENT_SECRET", "GMAIL_SERVICE_ACCOUNT_FILE"]),
        ({"address": ADDRESS, "client_id": "id"}, ["GMAIL_CLIENT_SECRET"]),
        (OAUTH | {"topic": TOPIC}, ["GMAIL_PUSH_ACCOUNT"]),
        (OAUTH | {"push_account": "a@example.com"}, ["GMAIL_TOPIC"]),
        (OAUTH | {"push_audience": "us"}, ["GMAIL_TOPIC", "GMAIL_PUSH_ACCOUNT"]),
        (OAUTH | {"service_account_file": "/nonexistent"}, ["GMAIL_SERVICE_ACCOUNT_FILE", "GMAIL_CLIENT_ID"]),
        ({"address": ADDRESS, "service_account_file": "/nonexistent"}, ["GMAIL_SERVICE_ACCOUNT_FILE"]),
    ],
)
def test_settings_in_part_are_refused_by_name(tmp_path: Path, values: dict[str, Any], expected: list[str]) -> None:
    with pytest.raises(OperatorError) as caught:
        gmail.build(make(tmp_path, **values))
    assert all(name in str(caught.value) for name in expected)
    assert "client-secret" not in str(caught.value)


def test_settings_that_only_tune_need_no_address(tmp_path: Path) -> None:
    assert gmail.build(make(tmp_path, poll_seconds=30, sends_per_minute=5)).sender is None
