"""Tries at passwords: after a few, each is followed by a longer pause, for the account and for the address."""

from dataclasses import dataclass
from datetime import datetime

from core.ids import derive_token
from database.pool import Conn
from database.statements import load_statements

_SQL = load_statements("sign_ins")

_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How many tries an hour are free, and the longest pause after one. The first is two seconds, and each doubles.

    They are forgotten one by one: the slips of a whole day in an office with one address must not close it.
    """

    kind: str
    free: int
    longest_seconds: float


# Short enough that somebody whose account is attacked gets in between; 288 guesses a day find no password of twelve.
ACCOUNT = Patience("account", 5, 300.0)
ADDRESS = Patience("address", 20, 900.0)  # many people may share one


async def take_try(conn: Conn, secret_key: str, patience: Patience, subject: str, *, now: datetime) -> float | None:
    """Count a try of this account or address. Returns the seconds to wait where it must not be made yet.

    Commit before the password is looked at.
    """
    bucket = _name_bucket(secret_key, patience, subject)
    tries = await _SQL["take_try"].fetch_value(
        conn,
        bucket=bucket,
        now=now,
        free=patience.free,
        longest_seconds=patience.longest_seconds,
        forget_seconds=_HOUR / patience.free,
    )
    if tries is not None:
        return None
    until: datetime | None = await _SQL["find_block"].fetch_value(conn, bucket=bucket)
    return 1.0 if until is None else max(1.0, (until - now).total_seconds())


async def forgive_tries(conn: Conn, secret_key: str, account: str, address: str, *, now: datetime) -> None:
    """The password was right: the account begins anew, and this try does not count for the address."""
    await _SQL["clear"].execute(conn, bucket=_name_bucket(secret_key, ACCOUNT, account))
    await _SQL["give_back"].execute(conn, bucket=_name_bucket(secret_key, ADDRESS, address), now=now)


async def delete_old_tries(conn: Conn) -> int:
    """Delete up to a thousand counts of yesterday. Returns how many there were."""
    deleted: int = await _SQL["delete_old"].fetch_value(conn)
    return deleted


def _name_bucket(secret_key: str, patience: Patience, subject: str) -> str:
    # Keyed: nobody reads from a copy of the database who has tried to sign in, or from where.
    return derive_token(secret_key, f"sign-in {patience.kind}", subject)
