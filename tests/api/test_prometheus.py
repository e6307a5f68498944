"""What Prometheus scrapes: well formed, true, without a word about anybody, and there also in an outage."""

from collections.abc import Iterator

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from api import figures
from core.ids import hash_secret
from core.settings import Settings
from database.queries import desk_state
from tests.api.service import Service, expect_problem, issue_key, open_service, submit
from tests.api.turns import hand_over, take_turn


@pytest.fixture(autouse=True)
def _always_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every scrape reads the database."""
    monkeypatch.setattr(figures, "FRESH_SECONDS", 0.0)


@pytest.fixture
def service(fresh: Service) -> Service:
    """A desk of this test's own: every figure is of what it did."""
    return fresh


async def scrape(service: Service, key: str | None = None, **headers: str) -> httpx.Response:
    """What Prometheus does."""
    key = key or await issue_key(service.pool, "metrics:read")
    return await service.client.get("/metrics", headers={"Authorization": f"Bearer {key}", **headers})


def list_samples(response: httpx.Response) -> Iterator[Sample]:
    """Every sample of the answer."""
    assert response.status_code == 200, response.text
    for family in text_string_to_metric_families(response.text):
        yield from family.samples


def find(response: httpx.Response, name: str, **labels: str) -> float:
    """The value of the one sample with these labels."""
    (value,) = [s.value for s in list_samples(response) if s.name == name and s.labels == labels]
    return value


async def test_the_figures_are_those_of_the_desk(service: Service) -> None:
    escalated = (await submit(service.client))["ticket_ref"]
    await hand_over(service.pool, await take_turn(service.pool, escalated), "billing")
    await submit(service.client)
    await submit(service.client)
    response = await scrape(service)
    assert find(response, "nightdesk_up") == 1
    assert find(response, "nightdesk_queue_threads", channel="web", state="claimable") == 2
    assert find(response, "nightdesk_queue_messages", channel="web") == 2
    assert find(response, "nightdesk_queue_oldest_seconds", channel="web") >= 0
    assert find(response, "nightdesk_tickets", status="escalated") == 1
    assert find(response, "nightdesk_tickets", status="open") == 0
    assert find(response, "nightdesk_outbox_replies", state="failed") == 0
    assert find(response, "nightdesk_dead_letters") == find(response, "nightdesk_workers") == 0


async def test_workers_that_are_alive_and_inboxes_in_trouble_are_counted(service: Service) -> None:
    async with service.pool.acquire() as conn:
        await conn.execute("""
            INSERT INTO workers (id, host, pid, brain, concurrency, in_flight, heartbeat_at) VALUES
                (gen_random_uuid(), 'a', 1, 'openai (gpt-4o)', 16, 3, now()),
                (gen_random_uuid(), 'b', 1, 'offline, while openai (gpt-4o) is away', 8, 1, now()),
                (gen_random_uuid(), 'c', 1, 'offline', 16, 9, now() - interval '5 minutes')
        """)
        await conn.execute("""
            INSERT INTO channel_cursors (channel, inbox, read_problem, read_problem_since)
            VALUES ('gmail', 'support@example.com', 'needs sign-in', now())
        """)
    response = await scrape(service)
    assert find(response, "nightdesk_workers") == 2
    assert find(response, "nightdesk_workers_offline") == 1
    assert find(response, "nightdesk_worker_slots") == 24
    assert find(response, "nightdesk_worker_busy_slots") == 4
    assert find(response, "nightdesk_inboxes_troubled", channel="gmail") == 1


async def test_requests_are_counted_by_the_template_of_their_route(service: Service) -> None:
    accepted = await submit(service.client)
    await service.client.get(accepted["status_url"])
    await service.client.get("/nothing/here")
    await service.client.request("BREW", "/health")
    response = await scrape(service)
    ticket = {"method": "GET", "route": "/support/ticket/{ref}"}
    assert find(response, "nightdesk_http_requests_total", **ticket, status="200") == 1
    assert find(response, "nightdesk_http_request_seconds_count", **ticket) == 1
    assert find(response, "nightdesk_http_requests_total", method="GET", route="unmatched", status="404") == 1
    assert find(response, "nightdesk_http_requests_total", method="other", route="/health", status="405") == 1


async def test_no_label_tells_of_anybody(service: Service) -> None:
    accepted = await submit(service.client)
    await service.client.get(accepted["status_url"])
    await take_turn(service.pool, accepted["ticket_ref"])
    text = (await scrape(service)).text
    for secret in ("ada@example.com", "Byron", accepted["ticket_ref"], accepted["ticket_token"], "form"):
        assert secret not in text


async def test_openmetrics_is_spoken_to_those_who_ask_for_it(service: Service) -> None:
    plain = await scrape(service)
    assert plain.headers["content-type"].startswith("text/plain; version=")
    response = await scrape(service, accept="application/openmetrics-text; version=1.0.0")
    assert response.headers["content-type"].startswith("application/openmetrics-text")
    assert response.text.endswith("# EOF\n")
    assert "nightdesk_up" in {family.name for family in parse_openmetrics(response.text)}  # type: ignore[no-untyped-call]


async def test_every_metric_is_described_once(service: Service) -> None:
    lines = (await scrape(service)).text.splitlines()
    described = [line.split()[2] for line in lines if line.startswith("# HELP")]
    assert len(described) == len(set(described)) > 15


async def test_a_key_without_the_scope_reads_nothing(service: Service) -> None:
    expect_problem(await scrape(service, await issue_key(service.pool, "tickets:read")), 403)
    expect_problem(await scrape(service, "nd_wrong"), 401)
    expect_problem(await service.client.get("/metrics"), 401)


async def test_many_scrapes_ask_the_database_once(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "FRESH_SECONDS", 3_600.0)
    key = await issue_key(service.pool, "metrics:read")
    await submit(service.client)
    before = [s for s in list_samples(await scrape(service, key)) if s.name == "nightdesk_queue_messages"]
    await submit(service.client)
    after = [s for s in list_samples(await scrape(service, key)) if s.name == "nightdesk_queue_messages"]
    assert before == after
    monkeypatch.setattr(figures, "FRESH_SECONDS", 0.0)
    assert find(await scrape(service, key), "nightdesk_queue_messages", channel="web") > before[0].value


async def test_a_database_that_is_away_is_a_figure_and_not_an_error(settings: Settings, database_url: str) -> None:
    async with open_service(settings, database_url) as service:
        key, strange = await issue_key(service.pool, "metrics:read"), await issue_key(service.pool, "metrics:read")
        assert find(await scrape(service, key), "nightdesk_up") == 1
        await service.desk.pool.close()
        response = await scrape(service, key)
        assert find(response, "nightdesk_up") == 0
        assert "nightdesk_workers" not in {sample.name for sample in list_samples(response)}
        expect_problem(await scrape(service, strange), 503)


async def test_a_key_that_was_revoked_is_not_remembered(service: Service) -> None:
    key = await issue_key(service.pool, "metrics:read")
    await scrape(service, key)
    assert hash_secret(key) in service.desk.scrapers
    async with service.pool.acquire() as conn:
        await conn.execute("UPDATE api_keys SET revoked_at = now()")
    expect_problem(await scrape(service, key), 401)
    assert hash_secret(key) not in service.desk.scrapers


async def test_a_paused_desk_is_measured_as_one(service: Service) -> None:
    assert [sample.value for sample in list_samples(await scrape(service)) if sample.name == "nightdesk_paused"] == [0]
    async with service.pool.acquire() as conn:
        await desk_state.pause(conn, "moving house")
    assert [sample.value for sample in list_samples(await scrape(service)) if sample.name == "nightdesk_paused"] == [1]
