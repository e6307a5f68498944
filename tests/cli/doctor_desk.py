"""Desks to be examined, and what is found of them."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from cli.doctor.checks import Check, Result, run_check
from core.channel_settings import MailboxSettings, TwilioSettings
from core.settings import ApiSettings, Settings
from tests.channels.gmail.desk import make_settings as make_gmail
from tests.channels.whatsapp.meta_account import configure_meta
from tests.emulators.meta_cloud import MetaCloud
from tests.emulators.twilio_state import State

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
PUBLIC_URL = "https://desk.example.com"

Trouble = tuple[str, str, str, str | None]


def make_settings(folder: Path, **parts: Any) -> Settings:
    """Settings that nothing of this machine reaches."""
    return Settings.model_construct(**({"data_dir": folder} | parts))


def configure_gmail(url: str, **changes: object) -> dict[str, Any]:
    """The part of the settings that is a Gmail mailbox."""
    return {"gmail": make_gmail(url, **changes), "api": ApiSettings(public_url=PUBLIC_URL)}


def configure_twilio(state: State, **changes: Any) -> dict[str, Any]:
    """The part of the settings that is a number at Twilio, which posts to us."""
    state.account.webhook = f"{PUBLIC_URL}/webhooks/whatsapp#rc=5&rp=all"
    twilio = TwilioSettings(
        account_sid=state.account.sid,
        auth_token=SecretStr(state.account.auth_token),
        number=state.account.number,
        api_url=state.url,
    )
    return {"twilio": twilio.model_copy(update=changes), "api": ApiSettings(public_url=PUBLIC_URL)}


def configure_number(cloud: MetaCloud, **changes: Any) -> dict[str, Any]:
    """The part of the settings that is a number at Meta, which posts to us."""
    cloud.subscribed_url = f"{PUBLIC_URL}/webhooks/whatsapp/meta"
    return {"meta": configure_meta(api_url=cloud.api_url, **changes), "api": ApiSettings(public_url=PUBLIC_URL)}


def configure_mailbox(address: str, password: str, *, imap_port: int, smtp_port: int) -> dict[str, Any]:
    """The part of the settings that is a mailbox on this machine."""
    mailbox = MailboxSettings(
        address=address,
        password=SecretStr(password),
        imap_host="127.0.0.1",
        imap_port=imap_port,
        imap_security="none",
        smtp_host="127.0.0.1",
        smtp_port=smtp_port,
        smtp_security="none",
    )
    return {"mailbox": mailbox}


async def look(checks: Iterable[Check]) -> list[Result]:
    """What these checks find."""
    return [result for check in checks for result in await run_check(check)]


async def find_troubles(checks: Iterable[Check]) -> list[Trouble]:
    """What is not as it should be."""
    return list_troubles(await look(checks))


def list_troubles(results: Iterable[Result]) -> list[Trouble]:
    """Subject, level, what was found and what to do, of all that is not ok."""
    return [
        (result.subject, result.finding.level, result.finding.found, result.finding.remedy)
        for result in results
        if result.finding.level != "ok"
    ]
