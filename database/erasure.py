"""Erasing a customer: thread by thread, each in a transaction of its own, and the customer at the end.

So no lock is held for long however much there is, and what was interrupted is found by its customer and goes on.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from uuid import UUID

from core.errors import PermanentError
from core.ids import derive_token
from database.pool import Conn
from database.queries import audit, erasures
from database.queries.erasures import Certificate
from database.types import NOWHERE, Actor, CustomerId, Facts, Origin

_PURPOSE = "erasure"
# Whoever goes on writing while they are erased begins new threads; after so many looks it is not done.
_LOOKS = 10


Note = Callable[..., Awaitable[int | None]]


class UnknownCustomer(LookupError):
    """There is no such customer, and none was erased."""


class NotConfirmed(ValueError):
    """What was given to confirm the erasure is no identifier of this customer's."""


class StillWriting(PermanentError):
    """The customer went on writing during the erasure; ask for it again."""


def hash_subject(secret_key: str, address: str) -> str:
    """What an address is on a certificate; without the key, whoever reads one could try all numbers there are."""
    return derive_token(secret_key, _PURPOSE, address.strip().lower())


async def erase_customer(
    conn: Conn,
    secret_key: str,
    customer_id: CustomerId,
    *,
    confirm: str,
    actor: Actor,
    origin: Origin = NOWHERE,
) -> Certificate:
    """Delete everything that is known of a customer. Doing it again changes nothing and returns the same certificate.

    The audit log has an entry when it begins, and one with the certificate when nothing is left.

    `confirm` is an identifier of theirs. Raises UnknownCustomer, NotConfirmed and StillWriting. Needs a connection that
    is not in a transaction.
    """
    addresses = await erasures.list_addresses(conn, customer_id)
    known = await erasures.find_certificate(conn, customer_id)
    has_customer = await erasures.exists(conn, customer_id)
    if known is None and not has_customer:
        raise UnknownCustomer
    subjects = {hash_subject(secret_key, address) for address in addresses} | set(known.subjects if known else ())
    if hash_subject(secret_key, confirm) not in subjects:
        raise NotConfirmed
    if has_customer or (known is not None and known.finished_at is None):
        note = partial(
            audit.record, conn, secret_key, actor=actor, origin=origin, object_kind="customer", object_id=customer_id
        )
        async with conn.transaction():
            erased_by = actor.kind if actor.id is None else f"{actor.kind} {actor.id}"
            await erasures.begin(conn, customer_id, subjects=sorted(subjects), erased_by=erased_by)
            await note(action="customer.erasure_begun")
        await _erase(conn, customer_id, addresses, note)
    certificate = await erasures.find_certificate(conn, customer_id)
    if certificate is None:
        raise UnknownCustomer
    return certificate


async def _erase(conn: Conn, customer_id: CustomerId, addresses: list[str], note: Note) -> None:
    await _erase_sources(conn, customer_id, addresses)
    for _ in range(_LOOKS):
        for thread_id in await erasures.list_threads(conn, customer_id):
            async with conn.transaction():
                await erasures.add_counts(conn, customer_id, await erasures.erase_thread(conn, thread_id))
        async with conn.transaction():
            counts = await erasures.erase_rest(conn, customer_id, addresses)
            await erasures.add_counts(conn, customer_id, counts)
            if not await erasures.exists(conn, customer_id):
                await erasures.finish(conn, customer_id)
                await note(action="customer.erased", after=await _describe_certificate(conn, customer_id))
                return
    raise StillWriting("the customer went on writing during the erasure; ask for it again")


async def _describe_certificate(conn: Conn, customer_id: CustomerId) -> Facts:
    certificate = await erasures.find_certificate(conn, customer_id)
    if certificate is None:
        return {}
    # What the log holds of one entry is bounded; the certificate has them all.
    return {"subjects": certificate.subjects[: audit.MAX_ITEMS], **audit.count_rows(certificate.counts)}


async def _erase_sources(conn: Conn, customer_id: CustomerId, addresses: list[str]) -> None:
    """While the addresses are still known: without them, what names nobody else could not be found again."""
    after: UUID | None = UUID(int=0)
    while addresses and after is not None:
        after, forgotten = await erasures.forget_sources(conn, addresses, after=after)
        if forgotten:
            await erasures.add_counts(conn, customer_id, {"message_sources": forgotten})
