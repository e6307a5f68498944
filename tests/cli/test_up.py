"""`nightdesk up`: from nothing to a working desk, and back, losing nothing."""

import asyncio
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
from database.pool import DbConnection, connect
from tests.acceptance.processes import find_free_port
from tests.agent.models.asking import ANSWER, LOOK
from tests.cli.command import make_environment
from tests.emulators.openai.script import Hang
from tests.emulators.openai.server import serve_openai


@contextmanager
def run_up(folder: Path, port: int, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """`nightdesk up` in this folder, without embeddings so that the knowledge loads quickly."""
    variables |= {"API_PORT": str(port), "EMBEDDING_MODEL_DIR": str(folder / "none")}
    environment = make_environment(None, variables)
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


async def test_a_worker_that_is_killed_in_the_middle_of_a_turn_is_replaced_and_the_customer_answered_once(
    knowledge_url: str, tmp_path: Path
) -> None:
    port = find_free_port()
    async with serve_openai(Hang(), LOOK, ANSWER) as model:
        variables = {
            "DATABASE_URL": knowledge_url,
            "OPENAI_API_KEY": "sk-test",
            "OPENAI_BASE_URL": model.url,
            "WORKER_LEASE_SECONDS": "5",
        }
        with run_up(tmp_path, port, **variables) as process:
            await asyncio.to_thread(read_until, process, "Database ")
            body = {"name": "A", "email": "a@example.com", "subject": "Password", "message": "How can I reset it?"}
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
                accepted = (await client.post("/support/submit", json=body)).json()
            conn = await connect(knowledge_url, application="test")
            victim = await wait_for_turn(conn)
            os.kill(victim, signal.SIGKILL)
            said = await asyncio.to_thread(read_until, process, "reply sent")
            assert "The worker process was killed by SIGKILL; another one starts now." in said
            (run,) = await conn.fetch("SELECT attempt FROM agent_runs")
            replies = await conn.fetch("SELECT state FROM outbox")
            pids = await conn.fetch("SELECT pid FROM workers ORDER BY heartbeat_at DESC")
            await conn.close()
            process.send_signal(signal.SIGTERM)
            await asyncio.to_thread(process.communicate)
    assert accepted["ticket_ref"]
    assert process.returncode == 0
    assert run["attempt"] == 2, "its first attempt died with its worker"
    assert [reply["state"] for reply in replies] == ["sent"]
    assert pids[0]["pid"] != victim


async def wait_for_turn(conn: DbConnection) -> int:
    """Until a turn is under way; the process that has it."""
    async with asyncio.timeout(60):
        while not (pid := await conn.fetchval("SELECT pid FROM workers WHERE in_flight > 0")):  # noqa: ASYNC110  # another process tells
            await asyncio.sleep(0.05)
    return int(pid)
