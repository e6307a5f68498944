"""How routes record what staff and machines do, and whom they look at."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request

from api.access import Caller
from api.desk import Desk, DeskDep
from api.proxies import read_client
from database.pool import Conn
from database.queries.audit import READING_SECONDS, record
from database.types import Actor, CustomerId, Facts, Origin


@dataclass(frozen=True, slots=True)
class Audit:
    """The audit log as one request writes to it. Customers who signed in change it, and leave no address in it."""

    desk: Desk
    request: Request

    async def record(
        self,
        conn: Conn,
        action: str,
        object_kind: str,
        object_id: UUID | str | None,
        *,
        before: Facts | None = None,
        after: Facts | None = None,
        quiet_seconds: float = 0.0,
    ) -> None:
        """The caller does `action`, such as "ticket.closed". Last in the transaction that does it."""
        await record(
            conn,
            self.desk.secret_key,
            actor=self.actor,
            action=action,
            object_kind=object_kind,
            object_id=object_id,
            before=before,
            after=after,
            origin=self.origin,
            quiet_seconds=quiet_seconds,
        )

    async def record_read(self, conn: Conn, action: str, object_kind: str, object_id: UUID | str | None) -> None:
        """The caller is shown this, as in "ticket.read"; again within minutes is the same reading.

        Customers who look at what is theirs are not recorded.
        """
        if self._caller.customer_id is None:
            await self.record(conn, action, object_kind, object_id, quiet_seconds=READING_SECONDS)

    async def record_session(
        self,
        conn: Conn,
        action: str,
        object_kind: str,
        object_id: UUID | None,
        *,
        actor: Actor,
        customer_id: CustomerId | None,
    ) -> None:
        """The same where nobody is a caller yet, or not any more; `customer_id` is of the account's customer."""
        origin = self._locate(customer_id)
        await record(
            conn,
            self.desk.secret_key,
            actor=actor,
            action=action,
            object_kind=object_kind,
            object_id=object_id,
            origin=origin,
        )

    @property
    def actor(self) -> Actor:
        """The caller."""
        return Actor(self._caller.kind, self._caller.id)

    @property
    def origin(self) -> Origin:
        """From where the caller calls."""
        return self._locate(self._caller.customer_id)

    @property
    def _caller(self) -> Caller:
        caller: Caller = self.request.state.caller  # the route's declaration has put it there
        return caller

    def _locate(self, customer_id: CustomerId | None) -> Origin:
        request_id: UUID = self.request.state.request_id
        if customer_id is not None:
            return Origin(request_id=request_id)
        return Origin(read_client(self.request), self.request.headers.get("user-agent"), request_id)


async def open_audit(request: Request, desk: DeskDep) -> Audit:
    """The audit log for this request."""
    return Audit(desk, request)


AuditDep = Annotated[Audit, Depends(open_audit)]
