"""Callers who have signed in, without the routes that sign them in."""

from dataclasses import dataclass, field
from uuid import UUID, uuid4

import pytest

from api import access
from api.access import Caller
from api.desk import Desk
from core.ids import new_id
from database.pool import DbPool
from database.queries.customers import resolve_customer
from database.types import ROLE_SCOPES, CustomerId, Identity, Role

Headers = dict[str, str]


@dataclass
class SignIn:
    """Makes accounts, and the headers of those who use them."""

    pool: DbPool
    callers: dict[str, Caller] = field(default_factory=dict)

    async def customer(self, name: str = "Ada Byron") -> tuple[Headers, str, CustomerId]:
        """A customer who signed in: headers, their proven address and their id."""
        email = f"{uuid4().hex}@example.com"
        async with self.pool.acquire() as conn:
            identity = Identity(kind="email", value=email, level="proven", name=name)
            customer_id = await resolve_customer(conn, identity)
        headers, _ = await self._add("user", name, email, customer_id)
        return headers, email, customer_id

    async def staff(self, name: str = "Sam Field", role: Role = "agent") -> tuple[Headers, UUID]:
        """Somebody of the staff: headers and their id."""
        return await self._add(role, name, f"{uuid4().hex}@desk.example", None)

    async def _add(self, role: Role, name: str, email: str, customer_id: CustomerId | None) -> tuple[Headers, UUID]:
        user_id, token = new_id(), uuid4().hex
        async with self.pool.acquire() as conn:
            await conn.execute(
                "INSERT INTO users (id, email, name, role, password_hash, customer_id) VALUES ($1, $2, $3, $4, '', $5)",
                user_id,
                email,
                name,
                role,
                customer_id,
            )
        self.callers[token] = Caller("user", user_id, name, ROLE_SCOPES[role], customer_id)
        return {"Authorization": f"Bearer {token}"}, user_id


def install_sign_in(monkeypatch: pytest.MonkeyPatch, pool: DbPool) -> SignIn:
    """From now on the tokens that this gives out are known to the application, beside those that are anyway."""
    sign_in, identify = SignIn(pool), access.identify

    async def identify_also(desk: Desk, given: str | None) -> Caller:
        return sign_in.callers.get(given or "") or await identify(desk, given)

    monkeypatch.setattr(access, "identify", identify_also)
    return sign_in
