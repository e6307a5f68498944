"""`nightdesk gmail`: signing in by a consent on loopback, and how the mailbox stands."""

import asyncio
import os
import stat
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner, Result

from cli import gmail as command
from cli.context import CommandError
from core.settings import load_settings
from tests.channels.gmail.desk import TOPIC
from tests.emulators.gmail import ADDRESS, serve_gmail
from tests.emulators.gmail_accounts import CLIENT_ID, CLIENT_SECRET, PUSH_ACCOUNT, REFRESH_TOKEN
from tests.emulators.gmail_faults import Fault
from tests.emulators.gmail_rest import Gmail

# As `nightdesk` ends what an operator can mend.
PROGRAM = """
import sys
from cli.gmail import app
from core.errors import OperatorError
try:
    app()
except OperatorError as error:
    sys.exit(f"error: {error}")
"""


@pytest.fixture
async def gmail() -> AsyncIterator[Gmail]:
    async with serve_gmail() as served:
        yield served


@pytest.fixture
def environment(gmail: Gmail, tmp_path: Path) -> dict[str, str]:
    """What an operator has set, and nothing of this machine's."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(Path(command.__file__).parents[1]),
        "DATA_DIR": str(tmp_path / "data"),
        "GMAIL_ADDRESS": ADDRESS,
        "GMAIL_CLIENT_ID": CLIENT_ID,
        "GMAIL_CLIENT_SECRET": CLIENT_SECRET,
        "GMAIL_API_URL": gmail.url,
        "GMAIL_TOKEN_URL": f"{gmail.url}/token",
        # The library takes tokens over TLS alone, and loopback has none.
        "OAUTHLIB_INSECURE_TRANSPORT": "1",
    }


async def authorize(gmail: Gmail, environment: dict[str, str], folder: Path) -> tuple[int, str]:
    """Run the command, open the address it prints as a browser would, and return its code and whole output."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-uc",
        PROGRAM,
        "authorize",
        "--no-browser",
        "--auth-url",
        f"{gmail.url}/auth",
        env=environment,
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    lines = []
    while line := (await process.stdout.readline()).decode():
        lines.append(line)
        if line.startswith(gmail.url):
            async with httpx.AsyncClient(follow_redirects=True) as browser:
                page = await browser.get(line.strip())
            assert "You may close this window" in page.text
    output = "".join(lines)
    assert "Traceback" not in output
    return await process.wait(), output


async def test_a_consent_leaves_a_token_that_only_its_owner_reads(
    gmail: Gmail, environment: dict[str, str], tmp_path: Path
) -> None:
    code, output = await authorize(gmail, environment, tmp_path)
    assert code == 0, output
    assert f"Signed in as {ADDRESS}" in output
    assert "nightdesk gmail status" in output
    token = tmp_path / "data" / "gmail_token"
    assert token.read_text() == f"{REFRESH_TOKEN}\n"
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    assert REFRESH_TOKEN not in output
    assert CLIENT_SECRET not in output


async def test_the_consent_of_another_account_is_not_kept(
    gmail: Gmail, environment: dict[str, str], tmp_path: Path
) -> None:
    code, output = await authorize(gmail, environment | {"GMAIL_ADDRESS": "other@example.com"}, tmp_path)
    assert code != 0
    assert f"signed in as {ADDRESS}, but GMAIL_ADDRESS is other@example.com" in output
    assert not (tmp_path / "data" / "gmail_token").exists()


async def test_a_consent_to_half_of_it_is_not_kept(gmail: Gmail, environment: dict[str, str], tmp_path: Path) -> None:
    gmail.accounts.granted_scopes = "https://www.googleapis.com/auth/gmail.send"
    code, output = await authorize(gmail, environment, tmp_path)
    assert code != 0
    assert "tick both boxes" in output
    assert not (tmp_path / "data" / "gmail_token").exists()


async def test_a_token_endpoint_in_trouble_leaves_no_token(
    gmail: Gmail, environment: dict[str, str], tmp_path: Path
) -> None:
    gmail.faults.plan("token", Fault("refuse"), Fault("refuse"))
    code, output = await authorize(gmail, environment, tmp_path)
    assert code != 0
    assert "no consent came" in output
    assert not (tmp_path / "data" / "gmail_token").exists()


@pytest.fixture
def runner(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> CliRunner:
    """The command line in this process, in the operator's environment and an empty folder."""
    for name in list(os.environ):
        if name.startswith("GMAIL_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    # Logging is set up for a whole process, and this one goes on after the command.
    monkeypatch.setattr(command, "prepare", lambda *_arguments, **_options: load_settings(None))
    return CliRunner(env=environment)


async def run(runner: CliRunner, *arguments: str, **variables: str) -> Result:
    return await asyncio.to_thread(lambda: runner.invoke(command.app, arguments, env={**runner.env, **variables}))


async def fail(runner: CliRunner, *arguments: str, **variables: str) -> str:
    result = await run(runner, *arguments, **variables)
    assert isinstance(result.exception, CommandError)
    return str(result.exception)


async def test_nobody_consents_in_time(runner: CliRunner, gmail: Gmail) -> None:
    assert "no consent came" in await fail(runner, "authorize", "--no-browser", "--seconds", "1")


async def test_a_token_in_the_environment_would_go_before_the_new_one(runner: CliRunner) -> None:
    assert "GMAIL_REFRESH_TOKEN" in await fail(runner, "authorize", GMAIL_REFRESH_TOKEN="old")


async def test_a_service_account_needs_no_consent(runner: CliRunner, tmp_path: Path) -> None:
    (tmp_path / "key.json").write_text("{}")
    variables = {"GMAIL_SERVICE_ACCOUNT_FILE": "key.json", "GMAIL_CLIENT_ID": "", "GMAIL_CLIENT_SECRET": ""}
    assert "needs no consent" in await fail(runner, "authorize", **variables)


@pytest.mark.parametrize("arguments", [["authorize"], ["status"]])
async def test_without_a_mailbox_there_is_nothing_to_sign_in_to(runner: CliRunner, arguments: list[str]) -> None:
    assert "GMAIL_ADDRESS" in await fail(runner, *arguments, GMAIL_ADDRESS="")


async def test_status_names_the_mailbox_and_how_news_comes(runner: CliRunner, gmail: Gmail) -> None:
    result = await run(runner, "status", GMAIL_REFRESH_TOKEN=REFRESH_TOKEN)
    assert result.exit_code == 0
    assert f"Signed in as {ADDRESS}." in result.output
    assert "every 60 seconds" in result.output
    assert gmail.requests["watch"] == 0


async def test_status_renews_the_watch_when_asked(runner: CliRunner, gmail: Gmail) -> None:
    pushes = {
        "GMAIL_TOPIC": TOPIC,
        "GMAIL_PUSH_ACCOUNT": PUSH_ACCOUNT,
        "GMAIL_PUSH_AUDIENCE": "our-desk",
        "GMAIL_REFRESH_TOKEN": REFRESH_TOKEN,
    }
    assert "--watch" in (await run(runner, "status", **pushes)).output
    result = await run(runner, "status", "--watch", **pushes)
    assert "2026-11-25T" in result.output
    assert gmail.requests["watch"] == 1


async def test_status_says_when_pushes_would_be_for_another_mailbox(runner: CliRunner) -> None:
    result = await run(runner, "status", GMAIL_REFRESH_TOKEN=REFRESH_TOKEN, GMAIL_ADDRESS="alias@example.com")
    assert f"pushes for {ADDRESS} are ignored" in result.output


async def test_status_says_who_must_do_what_when_signed_out(runner: CliRunner, gmail: Gmail) -> None:
    assert "nightdesk gmail authorize" in await fail(runner, "status")
    gmail.accounts.is_revoked = True
    assert "nightdesk gmail authorize" in await fail(runner, "status", GMAIL_REFRESH_TOKEN=REFRESH_TOKEN)


async def test_status_says_when_gmail_cannot_be_asked(runner: CliRunner, gmail: Gmail) -> None:
    gmail.faults.plan("getProfile", Fault("error", status=403, reason="accessNotConfigured"))
    assert "cannot be asked" in await fail(runner, "status", GMAIL_REFRESH_TOKEN=REFRESH_TOKEN)
