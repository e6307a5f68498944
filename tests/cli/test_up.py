"""`nightdesk up`: from nothing to a working desk, and back, losing nothing."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from database.embedded import is_running
from tests.acceptance.processes import find_free_port


@contextmanager
def run_up(folder: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    """`nightdesk up` in this folder, without embeddings so that the knowledge loads quickly."""
    environment = {"PATH": os.environ["PATH"], "API_PORT": str(port), "EMBEDDING_MODEL_DIR": str(folder / "none")}
    process = subprocess.Popen(
        [sys.executable, "-m", "cli.main", "up"], cwd=folder, env=environment, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.communicate()


def read_until(process: subprocess.Popen[str], pattern: str) -> str:
    """What the desk says up to the line that matches."""
    said = ""
    assert process.stderr is not None
    for line in process.stderr:
        said += line
        if re.search(pattern, line):
            return said
    raise AssertionError(f"ended without {pattern!r}:\n{said}")


def test_a_desk_starts_answers_stops_and_starts_again_with_everything_it_had(tmp_path: Path) -> None:
    port = find_free_port()
    base = f"http://127.0.0.1:{port}"
    with run_up(tmp_path, port) as process:
        welcome = read_until(process, "Database ")
        assert "Loaded the sample knowledge base: 64 articles" in welcome
        for expected in (f"{base}/", "/docs", "offline", "embedded PostgreSQL"):
            assert expected in welcome
        body = {"name": "A", "email": "a@example.com", "subject": "Delete", "message": "Please delete my account"}
        accepted = httpx.post(f"{base}/support/submit", json=body).json()
        read_until(process, "reply sent")
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate(timeout=120)
        assert process.returncode == 0
        assert "Traceback" not in rest
        assert "Stopped." in rest
    assert not is_running(tmp_path / ".data" / "postgres")
    assert_port_is_free(port)
    with run_up(tmp_path, port) as process:
        welcome = read_until(process, "Database ")
        assert "Loaded" not in welcome
        ticket = httpx.get(base + accepted["status_url"]).json()
        assert ticket["status"] == "escalated"
        assert ticket["team"] == "Account team"
        key = (tmp_path / ".data" / "admin_api_key").read_text().strip()
        assert "nd_" in key
        found = httpx.get(f"{base}/customers/lookup", params={"email": "a@example.com"}, headers={"X-API-Key": key})
        assert len(found.json()["customers"]) == 1


def test_secrets_are_readable_by_their_owner_alone_and_never_printed(tmp_path: Path) -> None:
    with run_up(tmp_path, find_free_port()) as process:
        said = read_until(process, "worker ready")
        process.send_signal(signal.SIGTERM)
        said += process.communicate()[1]
    for name in ("secret_key", "admin_api_key"):
        path = tmp_path / ".data" / name
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.read_text().strip() not in said
    events = [json.loads(line)["event"] for line in said.splitlines() if line.startswith("{")]
    assert "worker ready" in events


def test_a_taken_port_is_said_before_anything_is_started(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with run_up(tmp_path, taken.getsockname()[1]) as process:
            _, said = process.communicate(timeout=120)
    assert process.returncode == 2
    assert "stop what uses it or set API_PORT" in said
    assert not (tmp_path / ".data" / "postgres").exists()


def assert_port_is_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
