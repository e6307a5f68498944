"""API keys: the database cannot give them away, and they end when they are told to."""

import pytest

from core.ids import hash_secret, new_id
from database.pool import DbConnection
from database.queries import api_keys

KEY = "nd_0123456789abcdef0123456789abcdef"


async def test_a_key_is_stored_as_a_hash_and_nowhere_in_plain(conn: DbConnection) -> None:
    await api_keys.add_api_key(conn, "ci", KEY, ["read"])
    row = await conn.fetchval("SELECT to_jsonb(k)::text FROM api_keys k")
    assert KEY not in row
    assert hash_secret(KEY) in row


async def test_a_key_opens_with_its_name_and_scopes(conn: DbConnection) -> None:
    await api_keys.add_api_key(conn, "ci", KEY, ["read", "admin"])
    key = await api_keys.use_api_key(conn, KEY)
    assert key is not None
    assert (key.name, key.scopes) == ("ci", frozenset({"read", "admin"}))


@pytest.mark.parametrize("wrong", ["", KEY[:-1], KEY + " ", KEY.upper(), hash_secret(KEY)])
async def test_nothing_but_the_key_itself_opens(wrong: str, conn: DbConnection) -> None:
    await api_keys.add_api_key(conn, "ci", KEY, ["read"])
    assert await api_keys.use_api_key(conn, wrong) is None


async def test_a_revoked_key_is_refused(conn: DbConnection) -> None:
    await api_keys.add_api_key(conn, "ci", KEY, ["read"])
    await conn.execute("UPDATE api_keys SET revoked_at = now()")
    assert await api_keys.use_api_key(conn, KEY) is None
    assert await conn.fetchval("SELECT last_used_at FROM api_keys") is None


async def test_the_last_use_is_recorded_to_the_minute(conn: DbConnection) -> None:
    await api_keys.add_api_key(conn, "ci", KEY, ["read"])
    await api_keys.use_api_key(conn, KEY)
    assert await conn.fetchval("SELECT last_used_at = now() FROM api_keys") is True
    await conn.execute("UPDATE api_keys SET last_used_at = now() - interval '30 seconds'")
    await api_keys.use_api_key(conn, KEY)
    assert await conn.fetchval("SELECT last_used_at < now() FROM api_keys") is True
    await conn.execute("UPDATE api_keys SET last_used_at = now() - interval '61 seconds'")
    await api_keys.use_api_key(conn, KEY)
    assert await conn.fetchval("SELECT last_used_at = now() FROM api_keys") is True


async def test_a_key_past_its_end_is_refused(conn: DbConnection) -> None:
    await api_keys.add_api_key(conn, "ci", KEY, ["read"], days=1)
    assert await api_keys.use_api_key(conn, KEY) is not None
    await conn.execute("UPDATE api_keys SET expires_at = now()")
    assert await api_keys.use_api_key(conn, KEY) is None


async def test_the_tier_comes_with_the_key(conn: DbConnection) -> None:
    await api_keys.add_api_key(conn, "ci", KEY, ["read"], tier="high")
    key = await api_keys.use_api_key(conn, KEY)
    assert key is not None
    assert key.tier == "high"


async def test_a_listed_key_shows_its_beginning_and_neither_itself_nor_its_hash(conn: DbConnection) -> None:
    await api_keys.add_api_key(conn, "ci", KEY, ["read"])
    (listed,) = await api_keys.list_api_keys(conn, max_rows=10)
    assert listed["prefix"] == KEY[:11]
    assert KEY not in str(listed)
    assert hash_secret(KEY) not in str(listed)


async def test_revoking_again_keeps_the_first_time(conn: DbConnection) -> None:
    key_id = await api_keys.add_api_key(conn, "ci", KEY, ["read"])
    assert await api_keys.revoke_api_key(conn, key_id)
    await conn.execute("UPDATE api_keys SET revoked_at = revoked_at - interval '1 hour'")
    assert await api_keys.revoke_api_key(conn, key_id)
    assert await conn.fetchval("SELECT revoked_at < now() FROM api_keys") is True
    assert not await api_keys.revoke_api_key(conn, new_id())
