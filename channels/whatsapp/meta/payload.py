"""Reading JSON that may hold anything anywhere: what is not of the expected type is as good as absent."""

import re
from datetime import UTC, datetime

Json = dict[str, object]

# Postgres cannot store NUL; the others only garble a page. Tab and newline stay.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def read_object(source: Json, key: str) -> Json:
    """The object under this key, or an empty one."""
    value = source.get(key)
    return value if isinstance(value, dict) else {}


def read_objects(source: Json, key: str) -> list[Json]:
    """The objects in the list under this key, without whatever else is in it."""
    value = source.get(key)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def read_text(source: Json, key: str, *, limit: int = 50_000) -> str:
    """The text under this key, cleaned and cut, or an empty string. Whole numbers count: Meta's ids are both."""
    value = source.get(key)
    if isinstance(value, int) and not isinstance(value, bool):
        # Python refuses to print integers of thousands of digits, and nothing we read has more than thirty.
        value = str(value) if abs(value) < 10**30 else ""
    if not isinstance(value, str):
        return ""
    # A lone surrogate is valid JSON and cannot be encoded: neither hashed, nor stored, nor sent on.
    encodable = value.encode("utf-8", "replace").decode()
    return _CONTROL.sub("", encodable.replace("\r\n", "\n").replace("\r", "\n")).strip()[:limit]


def read_name(source: Json, key: str) -> str:
    """A word of Meta's vocabulary as it may stand in a log line, or `?` for anything else."""
    text = read_text(source, key)
    return text if re.fullmatch(r"[a-z][a-z0-9_]{0,39}", text) else "?"


def read_code(source: Json, key: str) -> int | None:
    """A whole number, also where it is written as text."""
    value = source.get(key)
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**9:
        return value
    return None


def read_time(source: Json, key: str) -> datetime | None:
    """A moment, in Meta's seconds since 1970; None for what is none."""
    text = read_text(source, key, limit=20)
    return datetime.fromtimestamp(int(text), UTC) if re.fullmatch(r"[0-9]{1,10}", text) else None
