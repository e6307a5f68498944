"""API7:2023 Server Side Request Forgery. Somebody gives the desk an address, so that it calls there."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import jwt

from channels.whatsapp.meta.receive import SIGNATURE_HEADER, sign
from tests.api.people import bear
from tests.api.service import FORM
from tests.api.world import META_SECRET, World

META = "/webhooks/whatsapp/meta"


async def test_no_address_that_a_caller_gives_is_called(world: World, client: httpx.AsyncClient) -> None:
    async with listening() as (url, calls):
        token = jwt.encode({"sub": "x"}, "k" * 32, headers={"kid": url, "jku": f"{url}/keys", "x5u": f"{url}/cert"})
        headers = {"Origin": url, "Referer": url, "X-Forwarded-Host": url, "Callback": url}
        form = FORM | {"name": url, "subject": url, "message": f"![a]({url}/a.png) <img src={url}/b.png> {url}"}
        assert (await client.post("/support/submit", json=form, headers=headers)).status_code == 202
        await client.get("/users", headers=bear(token))
        page = f"# A\n\n![a]({url}/a.png)\n\n<script src={url}></script>".encode()
        files = {"file": ("a.md", page)}
        assert (await client.post("/knowledge/uploads", files=files, headers=world.admin)).status_code == 202
        body = json.dumps({"entry": [{"changes": [{"value": {"url": url}}]}], "SigningCertURL": url}).encode()
        signed = {SIGNATURE_HEADER: sign(META_SECRET, body)}
        assert (await client.post(META, content=body, headers=signed)).status_code == 200
        await client.get(META, params={"hub.challenge": url, "hub.verify_token": url})
    assert calls == []


async def test_no_field_of_the_api_is_an_address_to_call(world: World) -> None:
    described = json.dumps(world.service.app.openapi())
    assert '"format": "uri"' not in described


async def test_a_link_that_the_desk_writes_does_not_lead_where_a_caller_says(client: httpx.AsyncClient) -> None:
    lies = {"Host": "evil.example.com", "X-Forwarded-Host": "evil.example.com"}
    accepted = await client.post("/support/submit", json=FORM, headers=lies)
    assert "evil.example.com" not in accepted.text


@asynccontextmanager
async def listening() -> AsyncIterator[tuple[str, list[str]]]:
    """The address of a server on this machine, and who has called it."""
    calls: list[str] = []

    async def note(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        calls.append(str(writer.get_extra_info("peername")))
        writer.close()

    async with await asyncio.start_server(note, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}", calls
