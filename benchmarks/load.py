"""The load generator, a process of its own: `python -m benchmarks.load PORT PATH PID CLIENTS SECONDS SENDER DIR`.

Every client keeps one connection and sends its next request as soon as it has its answer: the same form again and
again, or webhooks of SENDER, each of them new, which are signed before the measurement begins. Prints one line of JSON
with what was counted after a short warm-up: that both servers were busy, and that this process was not the limit.
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from itertools import cycle, islice, repeat
from pathlib import Path
from typing import cast

import uvloop

from benchmarks import noop
from benchmarks.http import HEAD_END, build_post, read_content_length, read_status
from benchmarks.processes import read_cpu_seconds
from benchmarks.questions import fill_form
from benchmarks.signed import sign_requests

WARM_UP_SECONDS = 0.5
MOST_PER_SECOND = 6_000


class Tally:
    """Answers so far."""

    def __init__(self) -> None:
        self.accepted = 0
        self.refused = 0
        self.lost = 0


class Client(asyncio.Protocol):
    """One connection in a closed loop."""

    def __init__(self, requests: Iterator[bytes], tally: Tally) -> None:
        self._requests = requests
        self._tally = tally
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(next(self._requests))

    def data_received(self, data: bytes) -> None:
        """Count a complete answer and send the next request."""
        self._received += data
        head, separator, body = self._received.partition(HEAD_END)
        if not separator or len(body) < read_content_length(head + HEAD_END):
            return
        if read_status(head) in {200, 202}:
            self._tally.accepted += 1
        else:
            self._tally.refused += 1
        self._received = b""
        if self._transport is not None:
            self._transport.write(next(self._requests))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """The server hung up, or the run is over."""
        self._tally.lost += 1

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()


async def generate_load(
    port: int, requests: Iterator[bytes], server_pid: int, clients: int, seconds: float
) -> dict[str, float]:
    """Run all clients for a while and count."""
    loop = asyncio.get_running_loop()
    tally = Tally()
    protocols = [
        (await loop.create_connection(lambda: Client(requests, tally), "127.0.0.1", port))[1] for _ in range(clients)
    ]
    await asyncio.sleep(WARM_UP_SECONDS)
    accepted, server_cpu = tally.accepted, read_cpu_seconds(server_pid)
    own_cpu, started = time.process_time(), time.perf_counter()
    await asyncio.sleep(seconds)
    elapsed = time.perf_counter() - started
    result = {
        "per_second": (tally.accepted - accepted) / elapsed,
        "failed": tally.refused + tally.lost,
        "server_cores": (read_cpu_seconds(server_pid) - server_cpu) / elapsed,
        "generator_cores": (time.process_time() - own_cpu) / elapsed,
    }
    for protocol in protocols:
        protocol.close()
    return result


def main() -> None:
    """Take the arguments in order; there is no one else to call this than the submit measure."""
    port, path, server_pid, clients, seconds, sender, directory = sys.argv[1:]
    if sender == "form":
        requests: Iterator[bytes] = repeat(build_post(path, fill_form(0)))
    else:
        enough = int(MOST_PER_SECOND * (float(seconds) + 2 * WARM_UP_SECONDS))
        signed = list(islice(sign_requests(sender, path, Path(directory)), enough))
        # To a route that does nothing, the same one again is as good as a new one.
        requests = cycle(signed) if path == noop.RAW_PATH else iter(signed)
    result = uvloop.run(generate_load(int(port), requests, int(server_pid), int(clients), float(seconds)))
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
