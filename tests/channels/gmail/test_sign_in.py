"""Signing in: by refresh token, from the environment or the token file, or by service account."""

import asyncio
import json
from pathlib import Path

import pytest

from channels.base import SignInNeeded
from channels.gmail.client import read_profile
from channels.gmail.sign_in import SCOPES, GmailSignIn
from channels.gmail.transport import NotReached
from tests.channels.gmail.desk import Desk, make_settings
from tests.emulators.gmail import ADDRESS
from tests.emulators.gmail_accounts import REFRESH_TOKEN
from tests.emulators.gmail_faults import Fault
from tests.emulators.gmail_rest import Gmail


def make_sign_in(gmail: Gmail, folder: Path, **changes: object) -> GmailSignIn:
    return GmailSignIn(make_settings(gmail.url, **changes), folder / "gmail_token", timeout=2.0)


async def test_one_token_serves_until_it_ends(gmail: Gmail, tmp_path: Path) -> None:
    sign_in = make_sign_in(gmail, tmp_path)
    tokens = await asyncio.gather(*(asyncio.to_thread(sign_in.read_token) for _ in range(20)))
    assert len(set(tokens)) == 1
    assert gmail.requests["token"] == 1


async def test_a_forgotten_token_is_replaced_once(gmail: Gmail, tmp_path: Path) -> None:
    sign_in = make_sign_in(gmail, tmp_path)
    first = await asyncio.to_thread(sign_in.read_token)
    sign_in.forget_token(first)
    second = await asyncio.to_thread(sign_in.read_token)
    sign_in.forget_token(first)
    assert await asyncio.to_thread(sign_in.read_token) == second != first
    assert gmail.requests["token"] == 2


async def test_the_token_file_serves_where_no_variable_is_set(gmail: Gmail, tmp_path: Path) -> None:
    sign_in = make_sign_in(gmail, tmp_path, refresh_token=None)
    with pytest.raises(SignInNeeded, match="nightdesk gmail authorize"):
        sign_in.read_token()
    (tmp_path / "gmail_token").write_text(f"{REFRESH_TOKEN}\n")
    token = await asyncio.to_thread(sign_in.read_token)
    assert gmail.accounts.whose(f"Bearer {token}") == ADDRESS


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe\x00"])
async def test_a_token_file_without_a_token_is_none(gmail: Gmail, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "gmail_token").write_bytes(content)
    with pytest.raises(SignInNeeded):
        make_sign_in(gmail, tmp_path, refresh_token=None).read_token()


async def test_a_service_account_acts_for_the_mailbox(gmail: Gmail, tmp_path: Path) -> None:
    key = tmp_path / "key.json"
    key.write_text(json.dumps(gmail.accounts.make_service_account()))
    changes = {"service_account_file": key, "refresh_token": None, "client_id": None, "client_secret": None}
    desk = Desk(gmail.url, settings=make_settings(gmail.url, **changes))
    assert (await read_profile(desk.client))["emailAddress"] == ADDRESS


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"private_key": "secret-key"}', b"\xff"])
async def test_a_damaged_key_of_a_service_account_is_named_and_not_shown(
    gmail: Gmail, tmp_path: Path, content: bytes
) -> None:
    key = tmp_path / "key.json"
    key.write_bytes(content)
    with pytest.raises(SignInNeeded, match="GMAIL_SERVICE_ACCOUNT_FILE") as caught:
        make_sign_in(gmail, tmp_path, service_account_file=key).read_token()
    assert "secret-key" not in str(caught.value)


async def test_a_service_account_without_delegation_needs_a_sign_in(gmail: Gmail, tmp_path: Path) -> None:
    key = tmp_path / "key.json"
    key.write_text(json.dumps(gmail.accounts.make_service_account()))
    gmail.accounts.is_revoked = True
    sign_in = make_sign_in(gmail, tmp_path, service_account_file=key)
    with pytest.raises(SignInNeeded):
        await asyncio.to_thread(sign_in.read_token)


@pytest.mark.parametrize(
    "changes", [{"refresh_token": "1//revoked"}, {"client_secret": "wrong"}], ids=["revoked", "wrong secret"]
)
async def test_what_google_refuses_for_good_needs_a_sign_in_and_quotes_no_secret(
    gmail: Gmail, tmp_path: Path, changes: dict[str, str]
) -> None:
    with pytest.raises(SignInNeeded) as caught:
        await asyncio.to_thread(make_sign_in(gmail, tmp_path, **changes).read_token)
    assert not any(secret in f"{caught.value!r}" for secret in changes.values())
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    "fault", [Fault("refuse"), Fault("drop"), Fault("stall", seconds=3.0), Fault("garble")], ids=lambda f: f.kind
)
async def test_a_token_endpoint_in_trouble_is_asked_again_later(gmail: Gmail, tmp_path: Path, fault: Fault) -> None:
    gmail.faults.plan("token", fault)
    sign_in = make_sign_in(gmail, tmp_path)
    with pytest.raises(NotReached):
        await asyncio.to_thread(sign_in.read_token)
    assert await asyncio.to_thread(sign_in.read_token)


def test_no_more_is_asked_for_than_reading_and_sending() -> None:
    assert {scope.rpartition("/")[2] for scope in SCOPES} == {"gmail.readonly", "gmail.send"}
