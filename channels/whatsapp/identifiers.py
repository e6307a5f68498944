"""What one customer on WhatsApp is known by: a phone number, Meta's user id, or both, and not always the same ones."""

from database.types import WhatsAppPath


def list_addresses(path: WhatsAppPath) -> tuple[str, ...]:
    """Every address that a reply to this customer may go to: Meta's id, which a new number does not keep, first."""
    return tuple(address for address in (path.user_id, path.phone) if address)


def list_thread_keys(path: WhatsAppPath) -> tuple[str, ...]:
    """The keys by which this customer's messages find their thread, whichever of the identifiers the next one has."""
    keys = (("user", path.user_id), ("phone", path.phone))
    return tuple(f"{kind}:{address}" for kind, address in keys if address)
