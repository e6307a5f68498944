"""Headers that depend on how the desk is reached: TLS, and pages of other sites."""

from collections.abc import AsyncIterator, MutableMapping
from ipaddress import ip_network
from typing import Any

import httpx
import pytest

from core.settings import ApiSettings, Settings, SettingsError, load_settings
from database.queries import tickets
from tests.api.service import FORM, Service, expect_problem, open_service, submit

SHOP = "https://shop.example.com"
PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type,idempotency-key"}


@pytest.fixture
async def shared(settings: Settings, database_url: str) -> AsyncIterator[Service]:
    """An application whose form stands on the pages of a shop."""
    api = ApiSettings(cors_origins=(SHOP,), trusted_proxies=(ip_network("127.0.0.0/8"),))
    async with open_service(settings.model_copy(update={"api": api}), database_url) as service:
        yield service


async def test_a_browser_is_kept_to_tls_only_where_there_is_tls(shared: Service) -> None:
    assert "strict-transport-security" not in (await shared.client.get("/health")).headers
    forwarded = await shared.client.get("/health", headers={"X-Forwarded-Proto": "https"})
    assert forwarded.headers["strict-transport-security"].startswith("max-age=31536000")


async def test_a_public_address_with_https_means_tls(settings: Settings, database_url: str) -> None:
    for url, expected in (("https://help.example.com", True), ("http://help.example.com", False)):
        public = settings.model_copy(update={"api": ApiSettings(public_url=url)})
        async with open_service(public, database_url) as service:
            assert ("strict-transport-security" in (await service.client.get("/health")).headers) == expected


async def test_nobody_can_switch_tls_on_from_outside(client: httpx.AsyncClient) -> None:
    answer = await client.get("/health", headers={"X-Forwarded-Proto": "https"})
    assert "strict-transport-security" not in answer.headers


async def test_a_page_that_is_allowed_may_send_the_form_and_read_the_answer(shared: Service) -> None:
    asked = await shared.client.options("/support/submit", headers={"Origin": SHOP, **PREFLIGHT})
    assert asked.status_code == 200
    assert asked.headers["access-control-allow-origin"] == SHOP
    assert "POST" in asked.headers["access-control-allow-methods"]
    answer = await shared.client.post("/support/submit", json=FORM, headers={"Origin": SHOP})
    assert answer.status_code == 202
    assert answer.headers["access-control-allow-origin"] == SHOP
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    refused = await shared.client.post("/support/submit", json={}, headers={"Origin": SHOP})
    assert expect_problem(refused, 422)
    assert refused.headers["access-control-allow-origin"] == SHOP


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example.com",
        "null",
        "http://shop.example.com",
        f"{SHOP}.evil.example",
        f"{SHOP}:8443",
        SHOP.upper(),
    ],
)
async def test_any_other_page_is_told_nothing(shared: Service, origin: str) -> None:
    asked = await shared.client.options("/support/submit", headers={"Origin": origin, **PREFLIGHT})
    assert asked.status_code == 400
    assert "access-control-allow-origin" not in asked.headers
    answer = await shared.client.get("/health", headers={"Origin": origin})
    assert "access-control-allow-origin" not in answer.headers


async def test_a_sign_in_here_is_of_no_use_to_another_page(shared: Service) -> None:
    for answer in (
        await shared.client.options("/support/submit", headers={"Origin": SHOP, **PREFLIGHT}),
        await shared.client.get("/health", headers={"Origin": SHOP}),
    ):
        assert "access-control-allow-credentials" not in answer.headers


async def test_a_cache_keeps_answers_to_different_origins_apart(shared: Service) -> None:
    for headers in ({}, {"Origin": SHOP}, {"Origin": "https://evil.example.com"}):
        assert "Origin" in (await shared.client.get("/health", headers=headers)).headers["vary"]


async def test_no_other_page_may_read_anything_unless_it_is_named(client: httpx.AsyncClient) -> None:
    answer = await client.get("/health", headers={"Origin": SHOP})
    assert not {name for name in answer.headers if name.startswith("access-control-")}
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert "vary" not in answer.headers


async def test_each_answer_has_a_name_of_its_own(client: httpx.AsyncClient) -> None:
    names = {(await client.get("/health", headers={"X-Request-Id": "mine"})).headers["x-request-id"] for _ in range(3)}
    assert len(names) == 3
    assert "mine" not in names


async def test_a_bug_is_found_in_the_log_by_the_name_that_its_answer_bears(
    shared: Service, monkeypatch: pytest.MonkeyPatch, quiet_log: list[MutableMapping[str, Any]]
) -> None:
    async def fail(*_args: object, **_kwargs: object) -> None:
        raise RuntimeError

    accepted = await submit(shared.client)
    monkeypatch.setattr(tickets, "view_ticket", fail)
    answer = await shared.client.get(accepted["status_url"])
    expect_problem(answer, 500)
    [bug] = [line for line in quiet_log if line["event"] == "unhandled error"]
    assert bug["request_id"] == answer.headers["x-request-id"]


def test_lists_are_written_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_TRUSTED_PROXIES", "10.0.0.0/8, fd00::/8, 192.0.2.1")
    monkeypatch.setenv("API_CORS_ORIGINS", f"{SHOP},http://localhost:5173")
    api = load_settings(None).api
    assert api.trusted_proxies == tuple(map(ip_network, ("10.0.0.0/8", "fd00::/8", "192.0.2.1/32")))
    assert api.cors_origins == (SHOP, "http://localhost:5173")


@pytest.mark.parametrize(
    "origins",
    ["*", "https://*.example.com", f"{SHOP}/", f"{SHOP}/form", "shop.example.com", "https://a@b.example", "null"],
)
def test_an_origin_that_is_none_is_refused_at_start(monkeypatch: pytest.MonkeyPatch, origins: str) -> None:
    monkeypatch.setenv("API_CORS_ORIGINS", origins)
    with pytest.raises(SettingsError, match="API_CORS_ORIGINS"):
        load_settings(None)


@pytest.mark.parametrize("networks", ["everybody", "10.0.0.1/8", "300.0.0.0/8"])
def test_a_network_that_is_none_is_refused_at_start(monkeypatch: pytest.MonkeyPatch, networks: str) -> None:
    monkeypatch.setenv("API_TRUSTED_PROXIES", networks)
    with pytest.raises(SettingsError, match="API_TRUSTED_PROXIES"):
        load_settings(None)
