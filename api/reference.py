"""docs/api.md, written from the API's own description: `python -m api.reference` prints it for `make reference`."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from api.access import list_declarations
from api.openapi import build_app, list_routes

_PROLOGUE = """\
# The API

`make reference` writes this page from the API's own description, and a test fails when it is not current. A desk serves
the description at `/openapi.json`, and a page to try it at `/docs`.

## Who may call

Each route names its callers:

| callers | what they show |
|---|---|
| anyone | nothing |
| holder of the ticket's token | the token of `ticket_token`, as `Authorization: Bearer …` or `?token=…` |
| anyone who signed in | the access token of `POST /auth/login`, as `Authorization: Bearer …` |
| a scope, such as `tickets:read` | an access token or API key with it or with `admin`; a key also as `X-API-Key: …` |
| a scope, own | the same, and customers who signed in, for what is theirs |
| vendor | the vendor's signature over the bytes |

## Errors

Every error is a [ProblemDetails](#problemdetails) of the type `application/problem+json`:

| status | when |
|---|---|
| 401 | no token or key, or one that is not valid |
| 403 | the scope is missing, a webhook's signature is wrong, or this is not for such callers |
| 404 | there is no such object, or it is not yours |
| 409 | it contradicts what the object is by now; `detail` says how |
| 410 | it was there and is gone |
| 413 | the body is too large |
| 422 | the request is not valid; `errors` names each field |
| 429 | too often; `Retry-After` says when to come again |
| 503 | the database, or who would have to answer, is away; `Retry-After` says when to come again |
| 504 | nobody has answered in time |

Whatever accepts a message answers only when it is committed. Lists are read a page at a time: give the answer's
`next_cursor` back as `cursor`.
"""


def write_reference() -> str:
    """The whole page."""
    app = build_app()
    document = app.openapi()
    audiences = {
        (method, route.path_format): " and ".join(
            sorted(access.audience for access in list_declarations(route.dependant))
        )
        for route in list_routes(app)
        for method in route.methods or ()
    }
    parts = [_PROLOGUE, *_write_routes(document["paths"], audiences)]
    parts += ["## Objects\n", *_write_objects(document["components"]["schemas"])]
    return "\n".join(parts)


def _write_routes(paths: Mapping[str, Any], audiences: Mapping[tuple[str, str], str]) -> Iterator[str]:
    """A chapter for each tag, in the order in which the tags first appear."""
    chapters: dict[str, list[str]] = {}
    for path, methods in paths.items():
        for method, route in methods.items():
            text = write_route(f"{method.upper()} {path}", route, audiences[method.upper(), path])
            chapters.setdefault(route["tags"][0], []).append(text)
    yield "Routes: " + " · ".join(f"[{tag}](#{tag}-routes)" for tag in chapters) + ".\n"
    for tag, texts in chapters.items():
        yield f"## {tag.capitalize()} routes\n"
        yield from texts


def write_route(title: str, route: Mapping[str, Any], audience: str) -> str:
    lines = [f"### {title}", "", f"{_read_text(route)} *Callers: {audience}.*"]
    parameters = route.get("parameters", [])
    if parameters:
        lines += ["", "| parameter | in | what |", "|---|---|---|"]
        lines += [f"| `{item['name']}` | {item['in']} | {_explain_parameter(item)} |" for item in parameters]
    lines += [""] + [f"- Body: {kind}" for kind in _list_contents(route.get("requestBody", {}))]
    for status, answer in route["responses"].items():
        if status != "default":
            lines.append(f"- {status}: {' or '.join(_list_contents(answer)) or 'no body'}")
    return "\n".join([*lines, ""])


def _write_objects(schemas: Mapping[str, Any]) -> Iterator[str]:
    for name, schema in sorted(schemas.items()):
        lines = [f"### {name}", ""]
        if text := _read_text(schema):
            lines += [text, ""]
        lines += ["| field | what |", "|---|---|"]
        needed = schema.get("required", ())
        for field, inner in schema.get("properties", {}).items():
            lines.append(f"| `{field}` | {_explain(inner)}{'' if field in needed else ', may be left out'} |")
        yield "\n".join([*lines, ""])


def _read_text(described: Mapping[str, Any]) -> str:
    """A description on one line: what is a paragraph in the code may not end a cell or a sentence here."""
    return " ".join(str(described.get("description", "")).split())


def _list_contents(body: Mapping[str, Any]) -> list[str]:
    """What a body may be, each with the media types it may come as. JSON is not named: nearly everything is."""
    kinds: dict[str, list[str]] = {}
    for media, content in body.get("content", {}).items():
        kinds.setdefault(name_type(content["schema"]) if content.get("schema") else "", []).append(media)
    return [words for kind, medias in kinds.items() if (words := _name_content(kind, medias))]


def _name_content(kind: str, medias: Sequence[str]) -> str:
    if medias == ["application/json"]:
        return kind
    return " as ".join(part for part in (kind, " ".join(f"`{media}`" for media in medias)) if part)


def _explain(schema: Mapping[str, Any]) -> str:
    """The type of a field or parameter, its bounds, its default, and what it means."""
    words = name_type(schema)
    if schema.get("default") not in (None, [], ""):
        words += f", `{schema['default']}` by default"
    text = _read_text(schema)
    return f"{words}. {text}" if text else words


def _explain_parameter(parameter: Mapping[str, Any]) -> str:
    """The same of a parameter, where null only says that it may be left out."""
    schema = parameter["schema"]
    kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
    words = _explain({**schema, "anyOf": kinds} if kinds else schema)
    return f"{words} (needed)" if parameter["required"] and parameter["in"] != "path" else words


def name_type(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        bounds = {key: value for key, value in schema.items() if key not in {"anyOf", "description", "default"}}
        return " or ".join(name_type({**bounds, **kind}) for kind in schema["anyOf"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return " ".join(f"`{value}`" for value in schema["enum"])
    return _NAMES.get(schema.get("type", ""), _name_anything)(schema)


def _name_anything(schema: Mapping[str, Any]) -> str:
    return str(schema.get("type", "anything"))


def _name_text(schema: Mapping[str, Any]) -> str:
    kinds = {"uuid": "id", "date-time": "time", "date": "date", "email": "e-mail address", "binary": "file"}
    words = kinds.get(schema.get("format", ""), "text")
    if schema.get("contentMediaType"):
        words = "file"
    if "pattern" in schema:
        words += f" like `{schema['pattern'].replace('|', chr(92) + '|')}`"
    least, most = schema.get("minLength", 0), schema.get("maxLength")
    if most is not None:
        words += f" of {least} to {most:,} characters" if least else f" of at most {most:,} characters"
    return words


def _name_number(schema: Mapping[str, Any]) -> str:
    words = "whole number" if schema["type"] == "integer" else "number"
    least = schema.get("minimum", schema.get("exclusiveMinimum"))
    most = schema.get("maximum", schema.get("exclusiveMaximum"))
    if least is not None and most is not None:
        return f"{words} from {least:,g} to {most:,g}"
    if least is not None:
        return f"{words} from {least:,g}"
    return words if most is None else f"{words} up to {most:,g}"


def _name_list(schema: Mapping[str, Any]) -> str:
    most = f" at most {schema['maxItems']:,}" if "maxItems" in schema else ""
    return f"list of{most} {name_type(schema.get('items', {}))}"


def _name_object(schema: Mapping[str, Any]) -> str:
    values = schema.get("additionalProperties")
    return f"object of {name_type(values)} by name" if isinstance(values, Mapping) and values else "object"


_NAMES = {
    "array": _name_list,
    "boolean": lambda _: "`true` `false`",
    "integer": _name_number,
    "null": lambda _: "`null`",
    "number": _name_number,
    "object": _name_object,
    "string": _name_text,
}


if __name__ == "__main__":
    sys.stdout.write(write_reference())
