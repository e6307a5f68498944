"""The little HTTP that measuring needs, on plain sockets: a client library would add its own milliseconds."""

import json
import re
from asyncio import StreamReader
from collections.abc import Mapping

_CONTENT_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)
HEAD_END = b"\r\n\r\n"


def build_post(path: str, body: object) -> bytes:
    """A POST of JSON; the connection stays open behind it."""
    return build_request(path, json.dumps(body).encode(), {"Content-Type": "application/json"})


def build_request(path: str, content: bytes, headers: Mapping[str, str]) -> bytes:
    """A POST of anything; the connection stays open behind it."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{lines}Content-Length: {len(content)}\r\n\r\n"
    return head.encode() + content


def build_get(path: str, bearer: str) -> bytes:
    """A GET with a token."""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {bearer}\r\n\r\n".encode()


def read_content_length(head: bytes) -> int:
    """The length of the body that follows a response's head; 0 when the head does not tell."""
    match = _CONTENT_LENGTH.search(head)
    return int(match[1]) if match else 0


def read_status(head: bytes) -> int:
    """The status of a response, from its first line."""
    return int(head[9:12])


async def read_response(reader: StreamReader) -> tuple[int, bytes]:
    """Status and body of a response that names its length."""
    head = await reader.readuntil(HEAD_END)
    return read_status(head), await reader.readexactly(read_content_length(head))
