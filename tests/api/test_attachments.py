"""Files that strangers sent: shown to those who may see them, and never able to do anything."""

from dataclasses import replace
from hashlib import sha256
from typing import Any
from urllib.parse import unquote
from uuid import UUID, uuid4

import httpx
import pytest

from channels.media import SAFE_TYPES
from database.files import PostgresFiles
from database.queries.attachments import add_attachments
from database.types import Attachment, MessageId
from tests.api.service import Service, expect_problem, hold_token, issue_key, submit
from tests.api.turns import take_turn

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 64
HOSTILE_NAMES = {
    "quotes": 'a"; filename="evil.html',
    "line ends": "a\r\nSet-Cookie: session=1\r\n\r\n<script>",
    "path": "../../etc/passwd",
    "windows path": "..\\..\\boot.ini",
    "not latin": "счёт №5 — 請求書.pdf",
    "right to left": "exe.\u202egpj.scr",
    "percent": "100%25%0d%0a.txt",
    "semicolons": "a;b=c;filename*=utf-8''evil.html",
    "empty": "",
    "long": "n" * 5_000,
}


@pytest.fixture
async def staff(service: Service) -> dict[str, str]:
    return {"X-API-Key": await issue_key(service.pool, "tickets:read")}


async def attach(service: Service, accepted: dict[str, Any], file: Attachment) -> UUID:
    """The id of a file in the first message of a ticket that a worker has seen."""
    turn = await take_turn(service.pool, accepted["ticket_ref"])
    async with service.pool.acquire() as conn:
        await add_attachments(conn, MessageId(turn.lease.messages[0].id), [file])
        file_id: UUID = await conn.fetchval(
            "SELECT id FROM message_attachments WHERE message_id = $1", turn.lease.messages[0].id
        )
    return file_id


async def store(service: Service, content: bytes = PNG, **changes: object) -> tuple[dict[str, Any], UUID]:
    """A ticket with one stored file."""
    accepted = await submit(service.client)
    digest = await PostgresFiles(service.pool).put(content)
    file = Attachment(name="box.png", content_type="image/png", size=len(content), digest=digest)
    return accepted, await attach(service, accepted, file.model_copy(update=changes))


async def get_by_ticket(service: Service, accepted: dict[str, Any], file_id: UUID) -> httpx.Response:
    path = f"/support/ticket/{accepted['ticket_ref']}/attachments/{file_id}"
    return await service.client.get(path, headers=hold_token(accepted))


async def test_the_holder_of_the_ticket_gets_its_file(service: Service) -> None:
    accepted, file_id = await store(service)
    response = await get_by_ticket(service, accepted, file_id)
    assert (response.status_code, response.content) == (200, PNG)
    assert response.headers["content-type"] == "image/png"
    path = f"/support/ticket/{accepted['ticket_ref']}/attachments/{file_id}?token={accepted['ticket_token']}"
    assert (await service.client.get(path)).content == PNG


async def test_staff_gets_every_file(service: Service, staff: dict[str, str]) -> None:
    _, file_id = await store(service)
    response = await service.client.get(f"/attachments/{file_id}", headers=staff)
    assert (response.status_code, response.content) == (200, PNG)


async def test_another_tickets_token_does_not_open_it(service: Service) -> None:
    mine, file_id = await store(service)
    other = await submit(service.client)
    await take_turn(service.pool, other["ticket_ref"])
    expect_problem(await get_by_ticket(service, other, file_id), 404)
    # Nor does the other token on this ticket's path.
    mixed = mine | {"ticket_token": other["ticket_token"]}
    expect_problem(await get_by_ticket(service, mixed, file_id), 404)


async def test_a_tickets_token_does_not_open_the_staffs_path(service: Service) -> None:
    accepted, file_id = await store(service)
    expect_problem(await service.client.get(f"/attachments/{file_id}", headers=hold_token(accepted)), 401)
    expect_problem(await service.client.get(f"/attachments/{file_id}?token={accepted['ticket_token']}"), 401)


async def test_a_key_without_the_scope_opens_nothing(service: Service) -> None:
    _, file_id = await store(service)
    headers = {"X-API-Key": await issue_key(service.pool, "customers:read", "tickets:write")}
    expect_problem(await service.client.get(f"/attachments/{file_id}", headers=headers), 403)


async def test_without_a_token_there_is_nothing(service: Service) -> None:
    accepted, file_id = await store(service)
    expect_problem(await service.client.get(f"/attachments/{file_id}"), 401)
    path = f"/support/ticket/{accepted['ticket_ref']}/attachments/{file_id}"
    expect_problem(await service.client.get(path), 401)
    expect_problem(await service.client.get(path, headers={"Authorization": "Bearer guessed"}), 404)


async def test_a_file_that_is_not_there_looks_like_one_of_another_ticket(service: Service) -> None:
    _, file_id = await store(service)
    other = await submit(service.client)
    await take_turn(service.pool, other["ticket_ref"])
    answers = [await get_by_ticket(service, other, each) for each in (file_id, uuid4())]
    assert answers[0].json() == answers[1].json()


async def test_what_is_served_runs_nothing_and_reads_nothing(service: Service) -> None:
    accepted, file_id = await store(service)
    headers = (await get_by_ticket(service, accepted, file_id)).headers
    assert headers.get_list("x-content-type-options") == ["nosniff"]
    assert headers.get_list("cache-control") == ["no-store"]
    assert headers.get_list("x-frame-options") == ["DENY"]
    assert headers.get_list("referrer-policy") == ["no-referrer"]
    # A browser enforces every policy that it is given: with two of them, one cannot allow what the other forbids.
    policies = headers.get_list("content-security-policy")
    assert "sandbox; default-src 'none'" in policies
    assert not any("allow-" in policy for policy in policies)


@pytest.mark.parametrize(
    ("content_type", "disposition"),
    [
        ("image/png", "inline"),
        ("text/plain", "inline"),
        ("video/mp4", "inline"),
        ("application/pdf", "attachment"),
        ("application/octet-stream", "attachment"),
    ],
)
async def test_only_what_a_browser_shows_safely_is_shown(service: Service, content_type: str, disposition: str) -> None:
    accepted, file_id = await store(service, content_type=content_type)
    response = await get_by_ticket(service, accepted, file_id)
    assert response.headers["content-disposition"].startswith(f"{disposition}; ")


@pytest.mark.parametrize(
    "claimed",
    ["text/html", "image/svg+xml", "text/xml", "application/xhtml+xml", "text/javascript", "x\r\nSet-Cookie: a=b", ""],
)
async def test_an_active_type_is_never_served_whoever_wrote_it_down(
    service: Service, staff: dict[str, str], claimed: str
) -> None:
    _, file_id = await store(service, b"<script>alert(1)</script>", content_type=claimed)
    response = await service.client.get(f"/attachments/{file_id}", headers=staff)
    assert response.status_code == 200
    assert response.headers["content-type"] in SAFE_TYPES
    assert response.headers["content-disposition"].startswith("attachment; ")
    assert "set-cookie" not in response.headers


@pytest.mark.parametrize("name", HOSTILE_NAMES.values(), ids=HOSTILE_NAMES.keys())
async def test_a_name_stays_a_name(service: Service, name: str) -> None:
    accepted, file_id = await store(service, name=name)
    response = await get_by_ticket(service, accepted, file_id)
    assert response.status_code == 200
    kind, _, given = response.headers["content-disposition"].partition("; filename*=UTF-8''")
    assert kind == "inline"
    assert unquote(given) == name
    assert not set(given) & set("\"';,\\/\r\n \t")
    assert "set-cookie" not in response.headers


async def test_a_file_that_is_still_being_fetched_says_so(service: Service) -> None:
    accepted = await submit(service.client)
    file_id = await attach(service, accepted, Attachment(name="a", content_type="image/png", locator="ME1"))
    response = await get_by_ticket(service, accepted, file_id)
    assert "still being fetched" in expect_problem(response, 404)["detail"]
    assert int(response.headers["retry-after"]) > 0


async def test_a_file_that_is_not_to_be_had_says_why(service: Service) -> None:
    accepted = await submit(service.client)
    file_id = await attach(service, accepted, Attachment(name="a", content_type="image/png", problem="too large"))
    assert "too large" in expect_problem(await get_by_ticket(service, accepted, file_id), 410)["detail"]


async def test_a_file_whose_content_is_lost_is_no_crash(service: Service) -> None:
    accepted, file_id = await store(service)

    class Empty:
        async def put(self, content: bytes) -> str:
            return sha256(content).hexdigest()

        async def get(self, _digest: str) -> bytes | None:
            return None

    before = service.desk
    service.app.state.desk = replace(before, files=Empty())
    try:
        assert (await get_by_ticket(service, accepted, file_id)).status_code == 404
    finally:
        service.app.state.desk = before


@pytest.mark.parametrize("file_id", ["1", "..%2f..%2fetc", "0" * 36, "'; DROP TABLE attachments"])
async def test_what_is_no_id_of_a_file_is_refused(service: Service, staff: dict[str, str], file_id: str) -> None:
    response = await service.client.get(f"/attachments/{file_id}", headers=staff)
    assert response.status_code in {404, 422}


async def test_twenty_mebibytes_are_served_whole(service: Service, staff: dict[str, str]) -> None:
    content = PNG + b"\x01" * (20 * 1024 * 1024 - len(PNG))
    _, file_id = await store(service, content)
    response = await service.client.get(f"/attachments/{file_id}", headers=staff)
    assert sha256(response.content).digest() == sha256(content).digest()
