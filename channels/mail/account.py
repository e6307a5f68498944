"""Whose mail it is: the account that a mailbox reads and answers for."""

from dataclasses import dataclass

from database.types import Channel


@dataclass(frozen=True, slots=True)
class MailAccount:
    """One mail account of the desk.

    `authenticator` is the authserv-id of the server that receives its mail (RFC 8601); without it no sender is ever
    proven. `aliases` are further addresses under which the account is written to, or writes.
    """

    channel: Channel
    address: str
    name: str
    authenticator: str | None = None
    aliases: frozenset[str] = frozenset()

    @property
    def domain(self) -> str:
        """The domain of its address, lower case."""
        return self.address.rpartition("@")[2].lower()

    def is_own(self, address: str) -> bool:
        """Whether this is the account's address or an alias, in any case and with any plus-addressing."""
        return _drop_tag(address) in {_drop_tag(own) for own in (self.address, *self.aliases)}


def _drop_tag(address: str) -> str:
    name, _, domain = address.strip().lower().rpartition("@")
    return f"{name.partition('+')[0]}@{domain}"
