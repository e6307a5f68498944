"""Callers who have signed in: customers with what is theirs, and staff."""

from dataclasses import dataclass
from uuid import UUID

from api.tokens import AccessToken, make_access_token
from database.queries.sessions import find_signing_key, open_session
from database.queries.users import User
from database.types import CustomerId, Role
from tests.api.people import bear, hire
from tests.api.service import Service

Headers = dict[str, str]


@dataclass(frozen=True, slots=True)
class SignIn:
    """Makes accounts, and the headers of those who use them."""

    service: Service

    async def customer(self, name: str = "Ada Byron") -> tuple[Headers, str, CustomerId]:
        """A customer who signed in: headers, their proven address and their id."""
        user = await hire(self.service.pool, "user", name=name)
        assert user.customer_id is not None
        return await self._open_session(user), user.email, user.customer_id

    async def staff(self, name: str = "Sam Field", role: Role = "agent") -> tuple[Headers, UUID]:
        """Somebody of the staff: headers and their id."""
        user = await hire(self.service.pool, role, name=name)
        return await self._open_session(user), user.id

    async def _open_session(self, user: User) -> Headers:
        desk = self.service.desk
        now = desk.clock()
        async with self.service.pool.acquire() as conn, conn.transaction():
            session = await open_session(conn, user.id, now=now, days=1)
            key_id = await find_signing_key(conn)
        token = AccessToken(user.id, session.id, key_id)
        return bear(make_access_token(desk.secret_key, token, now=now, minutes=15))
