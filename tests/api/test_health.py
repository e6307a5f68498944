"""Health: alive without a database, and honest about everything with one."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from uuid import UUID

import httpx
import pytest

from core.ids import new_id
from core.settings import Settings
from core.version import VERSION
from database.pause import resume_desk
from database.pool import Conn
from database.queries import desk_state, inboxes, operations, sources
from database.types import WorkerId
from tests.api.service import FORM, NOW, Service, expect_problem, issue_key, open_service, submit

WORKER = WorkerId(UUID(int=99))


@pytest.fixture
async def cut_off(settings: Settings) -> AsyncIterator[Service]:
    """An application that was started while its database is away. Nothing listens on port 1."""
    async with open_service(settings, "postgresql://nobody@127.0.0.1:1/nowhere") as opened:
        yield opened


async def beat(service: Service, *, silent: timedelta = timedelta()) -> None:
    """A worker was last heard of this long ago."""
    async with service.pool.acquire() as conn:
        await operations.beat(
            conn,
            WORKER,
            host="host-of-ours",
            pid=424242,
            brain="offline",
            concurrency=16,
            in_flight=3,
            is_elected=True,
        )
        await conn.execute("UPDATE workers SET heartbeat_at = now() - $1::interval", silent)


async def read_details(client: httpx.AsyncClient) -> dict[str, object]:
    """The detailed health of a desk that can take messages."""
    response = await client.get("/health/detailed")
    assert response.status_code == 200
    details: dict[str, object] = response.json()
    return details


async def test_liveness_needs_no_database(cut_off: Service) -> None:
    response = await cut_off.client.get("/health")
    assert response.status_code == 200
    assert response.json() == {"status": "ok", "version": VERSION}


async def test_a_desk_without_its_database_says_that_it_is_down(cut_off: Service) -> None:
    response = await cut_off.client.get("/health/detailed")
    assert response.status_code == 503
    details = response.json()
    assert (details["status"], details["queue"]) == ("down", None)
    assert details["database"]["ok"] is False
    assert "127.0.0.1" not in response.text


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/support/submit", FORM),
        ("GET", "/support/ticket/{ref}", None),
        ("POST", "/support/ticket/{ref}/messages", {"message": "Hello?"}),
        ("GET", "/customers/lookup?email=a@example.com", None),
        ("POST", "/auth/login", {"email": "a@example.com", "password": "anything"}),
    ],
)
async def test_without_a_database_a_request_is_refused_and_told_when_to_come_again(
    cut_off: Service, method: str, path: str, body: object
) -> None:
    ref = "TF-20261121-0001"
    token = cut_off.desk.make_ticket_token(ref)
    response = await cut_off.client.request(
        method,
        path.format(ref=ref),
        json=body,
        headers={"Authorization": f"Bearer {token}"} if "{ref}" in path else {"X-API-Key": "nd_any"},
    )
    problem = expect_problem(response, 503)
    assert int(response.headers["retry-after"]) > 0
    assert "nowhere" not in problem["detail"]


async def test_what_needs_no_database_still_works_without_it(cut_off: Service) -> None:
    expect_problem(await cut_off.client.post("/support/submit", json={}), 422)
    expect_problem(await cut_off.client.get("/support/ticket/TF-20261121-0001?token=wrong"), 404)
    assert (await cut_off.client.get("/openapi.json")).status_code == 200


async def test_a_read_only_database_refuses_a_submission_and_still_shows_tickets(
    settings: Settings, database_url: str
) -> None:
    async with open_service(settings, database_url) as service:
        accepted = await submit(service.client)
        async with service.pool.acquire() as conn:
            name = await conn.fetchval("SELECT current_database()")
            await conn.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    async with open_service(settings, database_url) as service:
        response = await service.client.post("/support/submit", json=FORM)
        expect_problem(response, 503)
        assert "retry-after" in response.headers
        assert (await service.client.get(accepted["status_url"])).status_code == 200


async def test_connections_that_were_cut_are_replaced(fresh: Service) -> None:
    await submit(fresh.client)
    async with fresh.pool.acquire() as conn:
        cut = await conn.fetchval(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name LIKE 'nightdesk%'"
        )
    assert cut > 0
    response = await fresh.client.post("/support/submit", json=FORM)
    if response.status_code != 202:  # the cut may be noticed only in the middle of a request
        expect_problem(response, 503)
        assert "retry-after" in response.headers
    await submit(fresh.client)


async def test_a_desk_without_a_worker_is_degraded(fresh: Service) -> None:
    details = await read_details(fresh.client)
    assert set(details) == {
        "status",
        "version",
        "paused",
        "database",
        "queue",
        "workers",
        "channels",
        "inboxes",
        "undelivered",
        "brain",
    }
    assert details["status"] == "degraded"
    assert (details["workers"], details["brain"]) == ([], None)


async def test_a_desk_with_a_worker_is_well_and_names_its_brain(fresh: Service) -> None:
    await beat(fresh)
    details = await read_details(fresh.client)
    assert (details["status"], details["brain"]) == ("ok", "offline")
    assert isinstance(details["workers"], list)
    [worker] = details["workers"]
    told = {"id", "brain", "concurrency", "in_flight", "is_elected", "started_at", "silent_seconds", "is_alive"}
    assert set(worker) == told
    assert (worker["concurrency"], worker["in_flight"], worker["is_alive"]) == (16, 3, True)
    assert worker["silent_seconds"] < 60


async def test_a_worker_that_fell_silent_is_shown_and_does_not_count(fresh: Service) -> None:
    await beat(fresh, silent=timedelta(minutes=5))
    details = await read_details(fresh.client)
    assert (details["status"], details["brain"]) == ("degraded", None)
    assert isinstance(details["workers"], list)
    assert details["workers"][0]["silent_seconds"] > 299
    assert not details["workers"][0]["is_alive"]


async def test_the_open_page_tells_no_host_and_no_process(fresh: Service) -> None:
    await beat(fresh)
    response = await fresh.client.get("/health/detailed")
    for private in ("host-of-ours", "424242", "host", "pid"):
        assert private not in response.text


async def test_the_depth_of_the_queue_and_its_oldest_wait_are_told(fresh: Service) -> None:
    empty = (await read_details(fresh.client))["queue"]
    assert empty == {"threads": 0, "claimable": 0, "oldest_seconds": 0.0, "dead_letters": 0}
    for _ in range(3):
        await submit(fresh.client)
    async with fresh.pool.acquire() as conn:
        await conn.execute("UPDATE queue_threads SET ready_at = ready_at - interval '1 hour' WHERE contact LIKE '%2'")
    queue = (await read_details(fresh.client))["queue"]
    assert isinstance(queue, dict)
    assert (queue["threads"], queue["claimable"]) == (3, 3)
    assert 3600 <= queue["oldest_seconds"] < 3700


async def test_database_and_channels_are_described(fresh: Service) -> None:
    details = await read_details(fresh.client)
    database, channels = details["database"], details["channels"]
    assert isinstance(database, dict)
    assert set(database) == {"ok", "server_version", "read_only", "pgvector_version"}
    assert (database["ok"], database["read_only"]) == (True, False)
    assert isinstance(channels, list)
    assert {"channel": "web", "inboxes": 2, "enabled": 2} in channels  # the form and the probe


async def trouble(service: Service) -> None:
    """Of two inboxes of one channel, one can neither be read nor send, and one of another is well."""
    async with service.pool.acquire() as conn:
        await open_inbox(conn, "gmail", "sales@example.com", NOW + timedelta(days=5))
        await open_inbox(conn, "gmail", "support@example.com", NOW + timedelta(days=6))
        await open_inbox(conn, "mailbox", "help@example.com", None)
        await inboxes.note_problem(conn, "gmail", "support@example.com", "read", "needs sign-in: alice's token")
        await inboxes.note_problem(conn, "gmail", "support@example.com", "send", "550 alice is over her limit")
        await sources.list_ids(conn, "gmail", "support@example.com", ["m1", "m2"])
        await sources.list_ids(conn, "gmail", "sales@example.com", ["m3"])


async def open_inbox(conn: Conn, channel: str, inbox: str, watch_until: datetime | None) -> None:
    lease = await inboxes.take_inbox(conn, channel, inbox, new_id(), lease_seconds=60)
    assert lease is not None
    await inboxes.note_watch(conn, lease, watch_until)


async def test_the_open_page_tells_states_and_counts_of_channels_and_no_address_and_no_vendors_words(
    fresh: Service,
) -> None:
    await trouble(fresh)
    await beat(fresh)
    response = await fresh.client.get("/health/detailed")
    details = response.json()
    assert details["status"] == "degraded"
    until = (NOW + timedelta(days=5)).isoformat().replace("+00:00", "Z")
    assert details["inboxes"] == [
        {"channel": "gmail", "state": "needs attention", "inboxes": 2, "waiting": 3, "watch_until": until},
        {"channel": "mailbox", "state": "ok", "inboxes": 1, "waiting": 0, "watch_until": None},
    ]
    for private in ("example.com", "alice", "sign-in", "550"):
        assert private not in response.text


@pytest.mark.parametrize("scope", ["admin", "tickets:read"])
@pytest.mark.parametrize("header", ["X-API-Key", "Authorization"])
async def test_whoever_may_read_conversations_sees_each_inbox_and_what_its_vendor_says(
    scope: str, header: str, fresh: Service
) -> None:
    await trouble(fresh)
    key = await issue_key(fresh.pool, scope)
    headers = {header: f"Bearer {key}" if header == "Authorization" else key}
    details = (await fresh.client.get("/health/detailed", headers=headers)).json()
    assert {"channel": "web", "inbox": "form", "enabled": True, "quiet_seconds": None} in details["channels"]
    rows = {row["inbox"]: row for row in details["inboxes"]}
    assert set(rows) == {"sales@example.com", "support@example.com", "help@example.com"}
    assert [rows[name]["state"] for name in sorted(rows)] == ["ok", "ok", "needs attention"]
    troubled = rows["support@example.com"]
    assert (troubled["read_problem"], troubled["send_problem"], troubled["waiting"]) == (
        "needs sign-in: alice's token",
        "550 alice is over her limit",
        2,
    )
    assert troubled["read_problem_since"] is not None
    assert troubled["send_problem_since"] is not None


async def test_an_inbox_that_cannot_send_makes_the_desk_degraded(fresh: Service) -> None:
    await beat(fresh)
    assert (await read_details(fresh.client))["status"] == "ok"
    async with fresh.pool.acquire() as conn:
        await inboxes.note_problem(conn, "whatsapp", "+15550100", "send", "the daily limit")
    assert (await read_details(fresh.client))["status"] == "degraded"


async def test_a_key_that_is_none_or_may_not_read_is_refused_rather_than_shown_less(fresh: Service) -> None:
    weak = await issue_key(fresh.pool, "tickets:write")
    for key, status in (("nothing", 401), (weak, 403)):
        expect_problem(await fresh.client.get("/health/detailed", headers={"X-API-Key": key}), status)


async def test_a_desk_without_its_database_tells_a_holder_of_a_key_so_too(cut_off: Service) -> None:
    response = await cut_off.client.get("/health/detailed", headers={"X-API-Key": "nd_any"})
    assert (response.status_code, response.json()["status"]) == (503, "down")


async def test_health_is_open_and_tells_nothing_of_keys(fresh: Service) -> None:
    key = await issue_key(fresh.pool, "admin")
    response = await fresh.client.get("/health/detailed", headers={"X-API-Key": key})
    assert key not in response.text


async def test_a_paused_desk_says_so_to_everybody_and_why_to_those_who_may_read_tickets(fresh: Service) -> None:
    await beat(fresh)
    async with fresh.pool.acquire() as conn:
        await desk_state.pause(conn, "moving house")
    details = await read_details(fresh.client)
    paused = details["paused"]
    assert isinstance(paused, dict)
    assert (details["status"], paused["is_restored"], paused["reason"]) == ("degraded", False, None)
    assert datetime.fromisoformat(paused["since"]).tzinfo is not None
    key = await issue_key(fresh.pool, "tickets:read")
    told = (await fresh.client.get("/health/detailed", headers={"X-API-Key": key})).json()["paused"]
    assert told == paused | {"reason": "moving house"}
    async with fresh.pool.acquire() as conn:
        await resume_desk(conn, repeatable_channels=[])
    details = await read_details(fresh.client)
    assert (details["status"], details["paused"]) == ("ok", None)


async def test_a_desk_that_was_put_back_by_hand_says_that_it_was(fresh: Service) -> None:
    async with fresh.pool.acquire() as conn:
        await conn.execute("DELETE FROM desk_state")
    assert (await read_details(fresh.client))["paused"] == {"since": None, "is_restored": True, "reason": None}
