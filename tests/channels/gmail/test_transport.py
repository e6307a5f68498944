"""Requests that are sent once, whatever httplib2 would like to repeat."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from channels.gmail.transport import NotReached, OneTimeHttp
from tests.emulators.certificates import make_certificate

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listen(serve: Serve, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server on loopback that does as the test says with each connection."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize(
    "answer", [b"", b"\r\n", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_connection_that_ends_without_an_answer_is_not_tried_again(answer: bytes, method: str) -> None:
    requests = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        writer.close()

    async with listen(serve) as port:
        with pytest.raises(Exception) as caught:  # noqa: PT011  # of several kinds, but never this one
            await asyncio.to_thread(OneTimeHttp(timeout=10).request, f"http://127.0.0.1:{port}/", method)
    assert not isinstance(caught.value, NotReached)
    assert len(requests) == 1


async def test_a_redirection_is_an_answer_and_is_not_followed() -> None:
    requests = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async with listen(serve) as port:
        response, _ = await asyncio.to_thread(OneTimeHttp(timeout=10).request, f"http://127.0.0.1:{port}/")
    assert response.status == 302
    assert len(requests) == 1


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/", "http://nowhere.invalid/"])
async def test_nobody_there_means_that_nothing_was_sent(url: str) -> None:
    with pytest.raises(NotReached):
        await asyncio.to_thread(OneTimeHttp(timeout=10).request, url, "POST", body="{}")


async def test_a_server_that_cannot_prove_its_name_gets_nothing(tmp_path: Path) -> None:
    requests = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.read(1))
        writer.close()

    async with listen(serve, make_certificate(tmp_path).serve()) as port:
        with pytest.raises(NotReached):
            await asyncio.to_thread(OneTimeHttp(timeout=10).request, f"https://127.0.0.1:{port}/", "POST", body="{}")
    assert requests == []
