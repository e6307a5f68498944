"""Who did what to which object, in words that name no customer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address
from typing import Literal
from uuid import UUID

ActorKind = Literal["user", "key", "operator", "system"]
# Ids, figures and words of our own vocabulary. What a customer wrote, and where they are reached, is none of these.
Fact = None | bool | int | UUID | datetime | str | Sequence[UUID] | Sequence[str]
Facts = Mapping[str, Fact]


@dataclass(frozen=True, slots=True)
class Actor:
    """A person or a machine with an id; an operator at the command line and the desk itself have none."""

    kind: ActorKind
    id: UUID | None = None


OPERATOR = Actor("operator")
SYSTEM = Actor("system")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request of staff or of a machine came from."""

    address: IPv4Address | IPv6Address | None = None
    user_agent: str | None = None
    request_id: UUID | None = None


NOWHERE = Origin()
