"""The servers of these tests as processes of their own, as a chaos run uses them."""

import asyncio
import imaplib
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest

from channels.base import DeliveryUncertain
from tests.acceptance.processes import find_free_port
from tests.channels.mailbox.test_send import MAIL_ID, OUTBOX_ID, make_reply, make_sender
from tests.emulators.dovecot import PASSWORD, Dovecot, deliver_mail


@asynccontextmanager
async def run_module(name: str, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A module as a process, ended politely."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", name, *arguments)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        await process.wait()


async def connect_when_ready(port: int) -> None:
    """Return when somebody listens."""
    async with asyncio.timeout(60):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)  # another process starts; there is no event of it to wait for
            else:
                writer.close()
                await writer.wait_closed()
                return


async def test_mail_is_counted_at_the_server_whatever_the_client_heard() -> None:
    port, control_port = find_free_port(), find_free_port()
    async with (
        run_module("tests.emulators.smtp", str(port), str(control_port)),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{control_port}") as control,
    ):
        await connect_when_ready(control_port)
        fault = {"stage": "DATA", "answer": "drop", "accepts": True}
        assert (await control.post("/_control/faults", json=fault)).is_success
        with pytest.raises(DeliveryUncertain):
            await make_sender(port).send(make_reply())
        (mail,) = (await control.get("/_inspect/mails")).json()
        assert mail["message_id"] == MAIL_ID
        assert mail["reply_id"] == str(OUTBOX_ID)
        counts = (await control.get("/_inspect/counts")).json()
        assert (counts["accepted"], counts["faults_left"]) == (1, 0)


async def test_mail_can_be_delivered_into_another_process(dovecot: Dovecot) -> None:
    port = find_free_port()
    with TemporaryDirectory(prefix="nightdesk-dovecot-") as folder:
        async with run_module("tests.emulators.dovecot", str(port), folder):
            await connect_when_ready(port)
            deliver_mail(Path(folder), "bob@example.com", b"Subject: hello\r\n\r\nhello\r\n")
            assert await asyncio.to_thread(count_mails, port, "bob@example.com") == 1


def count_mails(port: int, user: str) -> int:
    """What the standard library finds there."""
    with imaplib.IMAP4("127.0.0.1", port, timeout=10) as client:
        client.authenticate("PLAIN", lambda _: f"\0{user}\0{PASSWORD}".encode())
        _, (found,) = client.select()
        assert isinstance(found, bytes)
        return int(found)
