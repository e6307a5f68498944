"""A customer with a stopwatch: sends the form, follows the ticket live, and stops when a reply shows."""

import asyncio
import json
import time
from dataclasses import dataclass

from benchmarks.http import HEAD_END, build_get, build_post, read_response, read_status
from benchmarks.processes import BenchmarkError

REPLY_SECONDS = 60.0
_STREAM_LIMIT = 1 << 20


@dataclass(frozen=True, slots=True)
class Exchange:
    """One message and its reply, in milliseconds from the moment the form was sent."""

    accepted_ms: float
    reply_ms: float
    is_answered: bool


async def ask(port: int, form: dict[str, str]) -> Exchange:
    """Send a form and wait for the reply to show."""
    request = build_post("/support/submit", form)
    # No connection is kept for the next form: the server closes those that are idle for longer than 5 seconds.
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    started = time.perf_counter()
    try:
        writer.write(request)
        status, body = await read_response(reader)
    finally:
        writer.close()
    accepted_ms = _elapsed_ms(started)
    if status != 202:
        raise BenchmarkError(f"the form was answered with {status}: {body[:300]!r}")
    accepted = json.loads(body)
    try:
        async with asyncio.timeout(REPLY_SECONDS):
            ticket_status = await follow_to_reply(port, accepted["ticket_ref"], accepted["ticket_token"])
    except TimeoutError:
        raise BenchmarkError(f"{accepted['ticket_ref']} had no reply after {REPLY_SECONDS:g} seconds") from None
    return Exchange(accepted_ms, _elapsed_ms(started), is_answered=ticket_status == "auto_resolved")


async def follow_to_reply(port: int, ref: str, token: str) -> str:
    """Read the ticket's event stream until the desk has spoken; returns the ticket's status then."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=_STREAM_LIMIT)
    try:
        writer.write(build_get(f"/support/ticket/{ref}/events", token))
        status = read_status(await reader.readuntil(HEAD_END))
        if status != 200:
            raise BenchmarkError(f"the event stream of {ref} was answered with {status}")
        while line := await reader.readline():
            # Every event is one chunk, so that the sizes between chunks are lines of their own.
            if line.startswith(b"data:"):
                ticket = json.loads(line.removeprefix(b"data:"))
                if any(message["author"] in {"assistant", "system"} for message in ticket["messages"]):
                    return str(ticket["status"])
    finally:
        writer.close()
    raise BenchmarkError(f"the event stream of {ref} ended before a reply")


def _elapsed_ms(started: float) -> float:
    return (time.perf_counter() - started) * 1000
