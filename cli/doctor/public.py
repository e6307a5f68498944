"""Whether the public address leads to this desk, as customers and vendors use it."""

import ssl
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import httpx

from cli.doctor.checks import QUESTION_SECONDS, Check
from core.clock import Clock
from core.findings import Finding
from core.settings import Settings
from core.version import VERSION

_AREA = "Public address"
# Authorities that renew by themselves do so at least two weeks before the end: later, that has failed.
_RENEWED_BEFORE = timedelta(days=10)


def plan_public(settings: Settings, clock: Clock) -> Iterator[Check]:
    """One request from here to the desk's public address, if it has one."""
    url = settings.api.public_url
    if url is None:
        return

    async def look() -> Sequence[Finding]:
        return await _ask(url, clock())

    yield Check(_AREA, url.partition("://")[2], look)


async def _ask(url: str, now: datetime) -> list[Finding]:
    remedy = "Let the address lead to the web process, or set API_PUBLIC_URL to the one that does."
    try:
        async with (
            httpx.AsyncClient(timeout=QUESTION_SECONDS) as client,
            client.stream("GET", f"{url}/health") as response,
        ):
            tls = response.extensions["network_stream"].get_extra_info("ssl_object")
            end = _read_end(tls)
            await response.aread()
    except httpx.HTTPError as error:
        return [Finding.problem(f"not reached from here: {_describe(error)}", remedy)]
    findings = [_judge_answer(response, remedy)]
    return findings if end is None else [*findings, _judge_certificate(end, now)]


def _judge_answer(response: httpx.Response, remedy: str) -> Finding:
    if response.is_redirect:
        # Vendors do not follow: what they post would be lost.
        to = response.headers.get("location", "").removesuffix("/health")
        return Finding.problem(f"redirects to {to}", f"Set API_PUBLIC_URL={to}, and the webhooks of all vendors.")
    version = _read_version(response)
    if version is None:
        return Finding.problem(f"something else answers there, with status {response.status_code}", remedy)
    if version != VERSION:
        return Finding.advice(f"version {version} answers; this is {VERSION}", "Deploy one version everywhere.")
    return Finding.ok(f"this desk answers, version {version}")


def _read_version(response: httpx.Response) -> str | None:
    """What a desk of ours says of itself, or None where it is none."""
    try:
        answer = response.json()
    except ValueError:
        return None
    is_desk = response.is_success and isinstance(answer, dict) and answer.get("status") == "ok"
    return str(answer["version"])[:40] if is_desk and "version" in answer else None


def _read_end(tls: ssl.SSLObject | None) -> datetime | None:
    """When the certificate ends; None without encryption."""
    text = ((tls.getpeercert() if tls else None) or {}).get("notAfter")
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(text), UTC) if isinstance(text, str) else None


def _judge_certificate(end: datetime, now: datetime) -> Finding:
    if end - now < _RENEWED_BEFORE:
        return Finding.advice(
            f"the certificate ends on {end:%d %B %Y}", "Renew the certificate, and find out why it was not."
        )
    return Finding.ok(f"the certificate holds until {end:%d %B %Y}")


def _describe(error: httpx.HTTPError) -> str:
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLCertVerificationError):
        cause = cause.__cause__ or cause.__context__
    return f"its certificate is refused ({cause.verify_message})" if cause else type(error).__name__
