"""docs/api.md is what the API says of itself."""

import re
from pathlib import Path

import pytest

from api import reference
from api.openapi import build_app

PAGE = Path(__file__).parents[2] / "docs" / "api.md"
NULL = {"type": "null"}


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == reference.write_reference(), "run `make reference`"


def test_a_route_is_written_with_its_callers_its_parameters_and_its_body() -> None:
    route = {
        "description": "Do\nit.",
        "parameters": [
            {"name": "n", "in": "query", "required": True, "schema": {"type": "integer", "minimum": 1, "maximum": 9}},
            {
                "name": "q",
                "in": "query",
                "required": False,
                "schema": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            },
        ],
        "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Wish"}}}},
        "responses": {"204": {"description": "Successful Response"}, "default": {}},
    }
    assert reference.write_route("POST /wishes", route, "admin").splitlines() == [
        "### POST /wishes",
        "",
        "Do it. *Callers: admin.*",
        "",
        "| parameter | in | what |",
        "|---|---|---|",
        "| `n` | query | whole number from 1 to 9 (needed) |",
        "| `q` | query | text |",
        "",
        "- Body: [Wish](#wish)",
        "- 204: no body",
    ]


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "string", "format": "uuid"}, "id"),
        ({"type": "string", "minLength": 1, "maxLength": 2000}, "text of 1 to 2,000 characters"),
        (
            {"type": "array", "maxItems": 4, "items": {"enum": ["a", "b"], "type": "string"}},
            "list of at most 4 `a` `b`",
        ),
        ({"anyOf": [{"type": "number"}, NULL], "minimum": 0}, "number from 0 or `null`"),
        ({"type": "object", "additionalProperties": {"type": "boolean"}}, "object of `true` `false` by name"),
        ({"$ref": "#/components/schemas/TicketView"}, "[TicketView](#ticketview)"),
        ({"type": "string", "pattern": "^(a|b)$"}, r"text like `^(a\|b)$`"),
    ],
)
def test_a_type_is_named_in_words(schema: dict[str, object], words: str) -> None:
    assert reference.name_type(schema) == words


def test_a_file_is_named_once_with_the_types_it_may_have() -> None:
    file = {"schema": {"type": "string", "format": "binary"}}
    answer = {"content": {"image/png": file, "image/gif": file}}
    text = reference.write_route("GET /files", {"description": "", "responses": {"200": answer}}, "anyone")
    assert "- 200: file as `image/png` `image/gif`\n" in text


def test_every_status_that_a_route_refuses_with_is_explained() -> None:
    sources = [path.read_text() for path in (PAGE.parents[1] / "api").rglob("*.py")]
    raised = {status for source in sources for status in re.findall(r"Problem\(\s*(4\d\d|5\d\d)", source)}
    assert {"401", "404"} <= raised <= set(re.findall(r"^\| (\d{3}) \|", PAGE.read_text(), re.MULTILINE))


def test_nothing_that_is_documented_is_left_out() -> None:
    app = build_app()
    text = PAGE.read_text()
    for path, methods in app.openapi()["paths"].items():
        for method in methods:
            assert f"\n### {method.upper()} {path}\n" in text
