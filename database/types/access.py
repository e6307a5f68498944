"""Who may do what: roles of people, scopes of callers."""

from collections.abc import Mapping
from typing import Literal, NewType, get_args
from uuid import UUID

UserId = NewType("UserId", UUID)
SessionId = NewType("SessionId", UUID)

# A user is a customer who has signed in; an agent answers customers; an admin sets the desk up.
Role = Literal["user", "agent", "admin"]
Scope = Literal[
    "tickets:read",
    "tickets:write",
    "customers:read",
    "knowledge:read",
    "knowledge:write",
    "metrics:read",
    "admin",
]
SCOPES: tuple[Scope, ...] = get_args(Scope)

# How much a caller may ask for in a while.
Tier = Literal["standard", "high", "unlimited"]
TIERS: tuple[Tier, ...] = get_args(Tier)

# `admin` stands for every scope. A user has none: they reach what is theirs on routes that say so.
ROLE_SCOPES: Mapping[Role, frozenset[Scope]] = {
    "user": frozenset(),
    "agent": frozenset(SCOPES) - {"admin"},
    "admin": frozenset({"admin"}),
}
