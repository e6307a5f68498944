"""API10:2023 Unsafe Consumption Of Apis. A vendor, or somebody in its place, sends what breaks those who believe it."""

import httpx
import pytest

from channels.whatsapp.meta.receive import SIGNATURE_HEADER, sign
from tests.api.service import Service
from tests.api.world import META_SECRET, World

META = "/webhooks/whatsapp/meta"


@pytest.mark.parametrize("signature", [None, "", "sha256=", "sha256=" + "0" * 64, "sha1=" + "0" * 40, sign("x", b"{}")])
async def test_what_the_vendor_has_not_signed_is_not_stored(
    world: World, client: httpx.AsyncClient, signature: str | None
) -> None:
    before = await count_sources(world.service)
    headers = {} if signature is None else {SIGNATURE_HEADER: signature}
    answer = await client.post(META, content=b"{}", headers=headers)
    assert answer.status_code in {401, 403}
    assert await count_sources(world.service) == before


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"entry": {"changes": 1}}',
        b'{"entry": [{"changes": [{"value": {"messages": [null, 7, {"from": {"$ne": 1}}]}}]}]}',
    ],
)
async def test_what_it_has_signed_is_still_not_believed(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.post(META, content=body, headers={SIGNATURE_HEADER: sign(META_SECRET, body)})
    assert answer.status_code == 200


async def test_a_vendor_speaks_for_no_other_channel(world: World, client: httpx.AsyncClient) -> None:
    body = b'{"object": "page", "channel": "web", "ticket_ref": "%s"}' % world.owner.ref.encode()
    await client.post(META, content=body, headers={SIGNATURE_HEADER: sign(META_SECRET, body)})
    ticket = (await client.get(f"/support/ticket/{world.owner.ref}", headers=world.owner.holding)).json()
    assert [message["author"] for message in ticket["messages"][:2]] == ["customer", "assistant"]


async def count_sources(service: Service) -> int:
    """How many webhooks are kept."""
    async with service.pool.acquire() as conn:
        count: int = await conn.fetchval("SELECT count(*) FROM message_sources")
    return count
