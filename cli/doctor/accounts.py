"""Who can get in."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from cli.context import ADMIN_KEY_FILE
from cli.doctor.checks import Check, ask
from core.clock import Clock
from core.findings import Finding
from core.settings import Settings
from database.pool import Conn, DbPool
from database.queries.api_keys import list_api_keys
from database.queries.users import has_admin

_AREA = "Accounts"
_MAX_KEYS = 1_000
_UNUSED_FOR = timedelta(days=30)
_ENDS_SOON = timedelta(days=14)


def plan_accounts(pool: DbPool, settings: Settings, clock: Clock) -> Iterator[Check]:
    """The checks of accounts and keys."""

    async def look_at_admins(conn: Conn) -> Sequence[Finding]:
        return [_judge_admins(settings, is_any=await has_admin(conn))]

    async def look_at_keys(conn: Conn) -> Sequence[Finding]:
        return _judge_keys(await list_api_keys(conn, max_rows=_MAX_KEYS), settings, clock())

    yield Check(_AREA, "Admins", ask(pool, look_at_admins))
    yield Check(_AREA, "API keys", ask(pool, look_at_keys))


def _judge_admins(settings: Settings, *, is_any: bool) -> Finding:
    if is_any:
        return Finding.ok("somebody can sign in")
    remedy = "Run `nightdesk user create --role admin --email you@example.com`."
    if settings.environment == "production":
        return Finding.problem("nobody can sign in as an admin", remedy)
    return Finding.advice("nobody can sign in as an admin yet", remedy)


def _judge_keys(keys: Sequence[dict[str, Any]], settings: Settings, now: datetime) -> list[Finding]:
    live = [key for key in keys if key["revoked_at"] is None and (key["expires_at"] is None or key["expires_at"] > now)]
    findings = [finding for key in live for finding in _judge_key(key, now)]
    key_file = settings.data_dir / ADMIN_KEY_FILE
    if settings.environment == "production" and key_file.is_file():
        findings.append(
            Finding.problem(
                f"a key that may do everything lies in {key_file}",
                f"Run `nightdesk key revoke` for “this machine”, then `rm {key_file}`.",
            )
        )
    return findings or [Finding.ok(f"{len(live)} in use")]


def _judge_key(key: dict[str, Any], now: datetime) -> Iterator[Finding]:
    revoke = f"Run `nightdesk key revoke {key['id']}`"
    if key["last_used_at"] is None and now - key["created_at"] > _UNUSED_FOR:
        yield Finding.advice(f"“{key['name']}” was never used", f"{revoke}, if nobody needs it.")
    if key["expires_at"] is not None and key["expires_at"] - now < _ENDS_SOON:
        yield Finding.advice(
            f"“{key['name']}” ends on {key['expires_at']:%Y-%m-%d}",
            "Run `nightdesk key create` and hand out the new one.",
        )
