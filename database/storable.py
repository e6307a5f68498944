"""Text as the database takes it: no NUL, no half of a surrogate pair, and no longer than asked for.

Vendors and senders of mail write all of these; a message with one of them would otherwise never get in.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import TypeVar, cast

from pydantic import BaseModel

from core.redact import redact

T = TypeVar("T")


def clean(text: str) -> str:
    """The text without what no column takes."""
    return text.replace("\0", "").encode(errors="replace").decode()


def clean_reason(text: str) -> str:
    """What an error says, without what no column takes and without addresses and numbers that it quotes."""
    return redact(clean(text))


def make_storable(value: T) -> T:
    """The same with every text in it cleaned: in models, dataclasses, mappings and tuples, at any depth."""
    return _rebuild(value, clean, None)


def shorten(value: T, *, max_characters: int, max_items: int) -> T:
    """The same with every text and every tuple in it cut, at any depth."""
    return _rebuild(value, lambda text: text[:max_characters], max_items)


def _rebuild(value: T, change: Callable[[str], str], max_items: int | None) -> T:
    made: object = value
    match value:
        case str():
            made = change(value)
        case BaseModel():
            made = value.model_copy(update={name: _rebuild(part, change, max_items) for name, part in value})
        case Mapping():
            made = {_rebuild(key, change, max_items): _rebuild(part, change, max_items) for key, part in value.items()}
        case tuple():
            made = tuple(_rebuild(part, change, max_items) for part in value[:max_items])
        case _ if is_dataclass(value) and not isinstance(value, type):
            parts = {each.name: getattr(value, each.name) for each in fields(value)}
            made = replace(value, **_rebuild(parts, change, max_items))
    return cast("T", made)
