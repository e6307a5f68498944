"""Gmail's own definition of its API: the discovery document inside Google's client, and a check against it."""

import json
import string
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any

_BASE64 = frozenset(string.ascii_letters + string.digits + "-_=")
_TYPES: dict[str, type] = {"string": str, "integer": int, "boolean": bool, "array": list, "object": dict}
# Discovery writes 64-bit numbers as strings: https://developers.google.com/discovery/v1/type-format
_FORMATS: dict[str, Callable[[Any], bool]] = {
    "uint64": lambda value: value.isdecimal() and int(value) < 2**64,
    "int64": lambda value: value.removeprefix("-").isdecimal() and -(2**63) <= int(value) < 2**63,
    "uint32": lambda value: 0 <= value < 2**32,
    "int32": lambda value: -(2**31) <= value < 2**31,
    "byte": lambda value: set(value) <= _BASE64,
}


class SchemaViolation(AssertionError):
    """A body is not what Google defines."""


def check_schema(name: str, body: object) -> None:
    """Raise SchemaViolation unless the body is a `name` of the Gmail API, without a field that Google does not know."""
    _check(_load_schemas()[name], body, name)


@cache
def _load_schemas() -> dict[str, dict[str, Any]]:
    document = files("googleapiclient").joinpath("discovery_cache/documents/gmail.v1.json").read_bytes()
    schemas: dict[str, dict[str, Any]] = json.loads(document)["schemas"]
    return schemas


def _check(schema: dict[str, Any], body: Any, place: str) -> None:
    if "$ref" in schema:
        schema = _load_schemas()[schema["$ref"]]
    if not isinstance(body, _TYPES[schema["type"]]):
        raise SchemaViolation(f"{place}: expected {schema['type']}, found {type(body).__name__}")
    if "enum" in schema and body not in schema["enum"]:
        raise SchemaViolation(f"{place}: {body!r} is none of {schema['enum']}")
    if not _FORMATS.get(schema.get("format", ""), lambda _value: True)(body):
        raise SchemaViolation(f"{place}: not in the format {schema['format']}")
    if isinstance(body, list):
        for index, item in enumerate(body):
            _check(schema["items"], item, f"{place}[{index}]")
    if isinstance(body, dict):
        for key, value in body.items():
            if key not in schema["properties"]:
                raise SchemaViolation(f"{place}.{key}: Google knows no such field")
            _check(schema["properties"][key], value, f"{place}.{key}")
