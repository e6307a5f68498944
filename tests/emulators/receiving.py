"""A server that only takes what is posted to it, in a thread of its own: its senders may be ending, with their loop."""

import gzip
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

Headers = dict[str, str]
Take = Callable[[str, Headers, bytes], tuple[int, bytes]]


@contextmanager
def receive_aside(take: Take, *, media_type: str) -> Iterator[str]:
    """The server for the length of the block; its URL.

    `take` gets path, headers with small letters and the unpacked body of each POST, and returns status and answer.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers["content-length"]))
            body = gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body
            status, answer = take(self.path, headers, body)
            self.send_response(status)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Standard error belongs to pytest."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
