"""Pages, assets and the headers that every response carries."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from structlog.testing import capture_logs

from api.routes import pages
from core.settings import Settings
from database.queries import tickets
from tests.api.service import FORM, Service, expect_problem, open_service, submit

PAGES = {
    "/": "index.html",
    "/ticket/TF-20261121-0001": "ticket.html",
    "/docs": "docs.html",
    "/desk": "console.html",
    "/desk/tickets/TF-20261121-0001": "console.html",
}
EACH_PAGE = pytest.mark.parametrize(("path", "file"), PAGES.items())
FOREVER = "public, max-age=31536000, immutable"


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the pages are; nothing is built yet."""
    monkeypatch.setattr(pages, "PAGES", tmp_path / "dist")
    return tmp_path / "dist"


@pytest.fixture
async def site(built: Path, settings: Settings, database_url: str) -> AsyncIterator[Service]:
    """An application with pages."""
    (built / "assets").mkdir(parents=True)
    for name in PAGES.values():
        (built / name).write_text(f"<!doctype html><title>{name}</title>")
    (built / "assets" / "app-1a2b3c.js").write_text("export {};")
    async with open_service(settings, database_url) as service:
        yield service


def expect_guarded(response: httpx.Response) -> None:
    """Check the headers that keep a page from being framed, sniffed, extended, or from leaking its address."""
    policy = response.headers["content-security-policy"]
    for directive in ("default-src 'self'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"):
        assert directive in policy
    assert "unsafe" not in policy
    assert response.headers["referrer-policy"] == "no-referrer"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["x-frame-options"] == "DENY"


@EACH_PAGE
async def test_a_page_is_served_when_it_is_built(site: Service, path: str, file: str) -> None:
    response = await site.client.get(path)
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/html")
    assert file in response.text
    assert response.headers["cache-control"] == "no-store"
    expect_guarded(response)


@EACH_PAGE
async def test_a_page_that_is_not_built_is_a_problem_that_says_how_to_build_it(
    built: Path, settings: Settings, database_url: str, path: str, file: str
) -> None:
    async with open_service(settings, database_url) as service:
        assert "make web" in expect_problem(await service.client.get(path), 503)["detail"]
        await submit(service.client)


async def test_an_asset_may_be_kept_for_ever(site: Service) -> None:
    response = await site.client.get("/assets/app-1a2b3c.js")
    assert response.status_code == 200
    assert "javascript" in response.headers["content-type"]
    assert response.headers["cache-control"] == FOREVER
    expect_guarded(response)


async def test_an_asset_that_was_looked_up_again_may_still_be_kept(site: Service) -> None:
    first = await site.client.get("/assets/app-1a2b3c.js")
    again = await site.client.get("/assets/app-1a2b3c.js", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304
    assert again.headers["cache-control"] == FOREVER


async def test_a_missing_asset_is_not_remembered_as_missing(site: Service) -> None:
    response = await site.client.get("/assets/app-old.js")
    expect_problem(response, 404)
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "path", ["/assets/../index.html", "/assets/%2e%2e/index.html", "/assets/..%2findex.html", "/assets//etc/passwd"]
)
async def test_assets_are_only_those_of_their_folder(site: Service, path: str) -> None:
    response = await site.client.get(path)
    assert response.status_code == 404 or path == "/assets/../index.html"
    assert "<title>" not in response.text


@pytest.mark.parametrize("ref", ["%00", "<script>", "..%2F..%2Fetc%2Fpasswd", "%F0%9F%98%80", "x" * 5000])
async def test_the_ticket_page_is_the_same_for_every_reference(site: Service, ref: str) -> None:
    response = await site.client.get(f"/ticket/{ref}")
    if response.status_code != 200:  # a reference with a slash is another address
        expect_problem(response, 404)
    else:
        assert response.text == "<!doctype html><title>ticket.html</title>"


async def test_each_answer_with_the_console_allows_the_styles_of_its_own_nonce(site: Service, built: Path) -> None:
    (built / "console.html").write_text(f'<meta property="csp-nonce" nonce="{pages.NONCE_PLACE}">')
    answers = [await site.client.get("/desk") for _ in range(2)]
    nonces = [answer.text.split('"')[3] for answer in answers]
    assert nonces[0] != nonces[1]
    for answer, nonce in zip(answers, nonces, strict=True):
        assert len(nonce) >= 16
        policies = answer.headers.get_list("content-security-policy")
        assert len(policies) == 1
        assert f"style-src 'self' 'nonce-{nonce}';" in policies[0]
        assert "script-src 'self';" in policies[0]
        expect_guarded(answer)


async def test_tickets_are_never_cached(client: httpx.AsyncClient) -> None:
    accepted = await client.post("/support/submit", json=FORM)
    ticket = await client.get(accepted.json()["status_url"])
    for response in (accepted, ticket):
        assert response.headers["cache-control"] == "no-store"
        expect_guarded(response)


@pytest.mark.parametrize("path", ["/health", "/health/detailed", "/openapi.json", "/nowhere", "/support/submit"])
async def test_every_answer_of_the_api_is_guarded(client: httpx.AsyncClient, path: str) -> None:
    response = await client.get(path)
    assert response.headers["cache-control"] == "no-store"
    expect_guarded(response)


async def test_an_answer_that_is_too_large_a_body_is_guarded(client: httpx.AsyncClient) -> None:
    response = await client.post("/support/submit", content=b"x" * 300_000)
    assert response.status_code == 413
    expect_guarded(response)


async def test_the_answer_to_a_bug_is_guarded(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_args: object, **_kwargs: object) -> None:
        raise RuntimeError

    accepted = await submit(client)
    monkeypatch.setattr(tickets, "view_ticket", fail)
    with capture_logs():
        response = await client.get(accepted["status_url"])
    assert response.status_code == 500
    assert response.headers["cache-control"] == "no-store"
    expect_guarded(response)
