"""Settings that load and yet should not stay as they are."""

import stat
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from channels.gmail.sign_in import TOKEN_FILE
from channels.whatsapp.twilio import is_configured as is_twilio_configured
from cli.context import ADMIN_KEY_FILE, SECRET_KEY_FILE
from cli.doctor.checks import Check, at_once
from core.findings import Finding
from core.settings import CompanySettings, Settings

_AREA = "Settings"


def plan_settings(settings: Settings) -> Iterator[Check]:
    """The checks of what is set."""
    judges = {
        "Environment": _judge_environment,
        "Public address": _judge_public_url,
        "Proxies": _judge_proxies,
        "Signatures": _judge_signatures,
        "Rate limits": _judge_limits,
        "Company": _judge_company,
        "Log": _judge_log,
        "Secret files": _judge_files,
    }
    for subject, judge in judges.items():
        yield Check(_AREA, subject, at_once(lambda judge=judge: judge(settings)))  # type: ignore[misc]  # bound early


def is_public(settings: Settings) -> bool:
    """Whether people outside of this machine are meant to reach the desk."""
    if settings.api.public_url is None:
        return False
    host = urlsplit(settings.api.public_url).hostname or ""
    try:
        return not ip_address(host).is_loopback
    except ValueError:
        return host != "localhost"


def _is_serious(settings: Settings) -> bool:
    return settings.environment == "production" or is_public(settings)


def _judge_environment(settings: Settings) -> Finding:
    if settings.environment != "production" and is_public(settings):
        return Finding.advice(
            f"ENVIRONMENT is {settings.environment}, and the desk has a public address",
            "Set ENVIRONMENT=production, which refuses dangerous settings.",
        )
    return Finding.ok(settings.environment)


def _judge_public_url(settings: Settings) -> Finding:
    url = settings.api.public_url
    if url is None and settings.environment == "production":
        return Finding.advice(
            "API_PUBLIC_URL is not set: mails cannot link to tickets", "Set API_PUBLIC_URL=https://YOUR-DESK."
        )
    if url is not None and is_public(settings) and not url.startswith("https://"):
        return Finding.problem(
            f"{url} is not encrypted: passwords and tickets can be read on the way",
            "Put a proxy with TLS in front and set API_PUBLIC_URL=https://….",
        )
    return Finding.ok(url or "not set")


def _judge_proxies(settings: Settings) -> Finding:
    """The web process speaks plain HTTP alone: behind an https address there is a proxy."""
    if is_public(settings) and not settings.api.trusted_proxies:
        return Finding.problem(
            "API_TRUSTED_PROXIES is not set: all customers count as one, and share its rate limits",
            "Set API_TRUSTED_PROXIES to the networks of your proxies, such as 10.0.0.0/8.",
        )
    return Finding.ok(", ".join(map(str, settings.api.trusted_proxies)) or "none")


def _judge_signatures(settings: Settings) -> Finding:
    if is_twilio_configured(settings.twilio) and not settings.twilio.require_signature:
        return Finding.problem(
            "TWILIO_REQUIRE_SIGNATURE is off: anybody can write in a customer's name",
            "Remove TWILIO_REQUIRE_SIGNATURE.",
        )
    return Finding.ok("every webhook must prove its vendor")


def _judge_limits(settings: Settings) -> Finding:
    if not settings.rate.limits:
        return Finding.advice("RATE_LIMITS is off: one caller can take all there is", "Remove RATE_LIMITS.")
    return Finding.ok(f"{settings.rate.form_per_minute} messages a minute from one address")


def _judge_company(settings: Settings) -> Finding:
    if settings.company.name == CompanySettings().name and _is_serious(settings):
        return Finding.advice(
            f"replies are signed by {settings.company.name}, the example", "Set COMPANY_NAME to who you are."
        )
    return Finding.ok(f"{settings.company.name} {settings.company.team}")


def _judge_log(settings: Settings) -> Finding:
    if settings.log.level == "DEBUG" and _is_serious(settings):
        return Finding.advice("LOG_LEVEL is DEBUG, which fills the disk", "Remove LOG_LEVEL.")
    return Finding.ok(f"{settings.log.level}, {settings.log.format}")


def _judge_files(settings: Settings) -> Finding:
    names = (SECRET_KEY_FILE, ADMIN_KEY_FILE, TOKEN_FILE)
    paths = [path for path in (Path(".env"), *(settings.data_dir / name for name in names)) if path.is_file()]
    open_to_others = [str(path) for path in paths if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)]
    if open_to_others:
        names_of_open = " ".join(open_to_others)
        return Finding.advice(f"other users can read {names_of_open}", f"Run `chmod 600 {names_of_open}`.")
    return Finding.ok("only this user reads them" if paths else "none")
