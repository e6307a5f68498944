"""How often one address, one caller and one customer may ask. The buckets are in Postgres, so all processes share them.

The law is GCRA: a bucket of `burst` requests fills again by `per_minute`. Whoever finds it empty is told when to come.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv6Network
from typing import Literal
from uuid import UUID

from fastapi import Request

from api.problems import Problem
from api.proxies import read_client
from core.ids import derive_token
from core.settings import RateSettings
from database.pool import DbPool
from database.queries.limits import Bucket, spend

PolicyName = Literal["form", "form_email", "ticket", "refused", "standard", "high", "unlimited", "upload", "search"]

_MINUTE = timedelta(minutes=1)
_SUBSCRIBER_BITS = 64  # of an IPv6 address; counted singly, one machine would have 2**64 of them


@dataclass(frozen=True, slots=True)
class Policy:
    """So many requests at once, and then so many a minute."""

    burst: int
    per_minute: float


def list_policies(rate: RateSettings) -> Mapping[PolicyName, Policy]:
    """Every limit there is; what is not in the table is not limited. Nothing is, where limits are off."""
    if not rate.limits:
        return {}
    form, ticket, refused, caller = (
        rate.form_per_minute,
        rate.ticket_per_minute,
        rate.refused_per_minute,
        rate.caller_per_minute,
    )
    slow = max(1, caller // 10)
    return {
        # By address. Behind one of them there may be a whole company.
        "form": Policy(2 * form, form),
        "refused": Policy(refused, refused),  # keys and tokens that are not valid
        # By customer: the address they give in the form, the ticket they hold, or who they are once signed in.
        "form_email": Policy(form, form / 2),
        "ticket": Policy(ticket, ticket),
        # By caller, after their tier.
        "standard": Policy(caller, caller),
        "high": Policy(10 * caller, 10 * caller),
        # By caller, whatever their tier: each of these keeps a worker busy with its models.
        "upload": Policy(slow, slow),
        "search": Policy(slow, slow),
    }


class RateLimits:
    """The limits of one desk."""

    def __init__(self, pool: DbPool, policies: Mapping[PolicyName, Policy], secret_key: str) -> None:
        self._pool = pool
        self._policies = policies
        self._secret_key = secret_key

    async def spend(self, asked: Mapping[PolicyName, str]) -> None:
        """Take one request out of the bucket of each subject. Raises Problem 429 where one is empty."""
        buckets = [self._find_bucket(name, subject) for name, subject in asked.items() if name in self._policies]
        if not buckets:
            return
        async with self._pool.acquire() as conn:
            wait = await spend(conn, buckets)
        if wait is not None:
            seconds = max(1, math.ceil(wait.total_seconds()))
            detail = f"Too many requests; try again in {seconds} seconds."
            raise Problem(429, detail, headers={"Retry-After": str(seconds)})

    def _find_bucket(self, name: PolicyName, subject: str) -> Bucket:
        policy = self._policies[name]
        # Under the desk's key: who was counted cannot be read from the table.
        key = UUID(derive_token(self._secret_key, f"rate-{name}", subject)[:32])
        interval = _MINUTE / policy.per_minute
        return Bucket(key, interval, policy.burst * interval)


def name_client(request: Request) -> str:
    """Whom a limit by address counts: an IPv4 address, the network of an IPv6 subscriber, or nobody that is known."""
    address = read_client(request)
    if address is None:
        return "unknown"
    return str(address) if address.version == 4 else str(IPv6Network((address, _SUBSCRIBER_BITS), strict=False))
