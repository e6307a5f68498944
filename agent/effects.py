"""What a turn wants to happen. Tools only record these; the worker's one commit applies them, once."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

from database.types import Citation, Priority, TicketCategory

# What the tool for answers says of a draft that it takes; it takes one in a turn.
DRAFT_ACCEPTED = "The answer is drafted; it is sent if it passes the checks."


def clean_model_text(text: str) -> str:
    """What a model wrote, without what no database stores: NUL, and halves of characters."""
    return text.replace("\x00", "").encode("utf-8", "ignore").decode()


def make_storable(value: object) -> str:
    """Parsed JSON as text that Postgres takes, whatever a model put into it: NUL or NaN must not undo its turn."""
    return json.dumps(_clean(value), allow_nan=False)


def _clean(value: object) -> object:
    if isinstance(value, str):
        return clean_model_text(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {clean_model_text(str(key)): _clean(item) for key, item in value.items()}
    return [_clean(item) for item in value] if isinstance(value, list) else value


@dataclass(frozen=True, slots=True)
class Categorise:
    """Set what the conversation's ticket is about."""

    subject: str
    category: TicketCategory
    priority: Priority


@dataclass(frozen=True, slots=True)
class Escalate:
    """Hand the conversation to a person."""

    route: str
    reason: str
    summary: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A reply the agent would send, before the channel's greeting and signature, and what it rests on."""

    text: str
    citations: Sequence[Citation]
