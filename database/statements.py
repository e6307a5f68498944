"""Named SQL: every statement stands in `sql/*.sql` under a `-- name:` line, with `:named` parameters.

A condition that several statements of a file share stands before them under a `-- part:` line; `{{its_name}}` is it.

Our own 60 lines instead of aiosql, whose asyncpg adapter lists the connection's attributes on every call
(19 µs of the 215 µs a trivial query takes) and hides the result type from the type checker.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from asyncpg import Record

from database.pool import Conn

_NAME_LINE = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)
_PART_LINE = re.compile(r"^-- part: (\w+)\s*$", re.MULTILINE)
_PART = re.compile(r"\{\{(\w+)\}\}")
_PARAMETER = re.compile(r"(?<!:):([a-z_]+)\b")
_COMMENT = re.compile(r"--.*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Statement:
    """One named statement. Parameters are given by name and sent by position."""

    name: str
    sql: str
    parameters: tuple[str, ...]

    async def fetch(self, conn: Conn, **values: object) -> list[Record]:
        """All rows."""
        return await conn.fetch(self.sql, *self._order(values))

    async def fetch_row(self, conn: Conn, **values: object) -> Record | None:
        """The first row, or None."""
        return await conn.fetchrow(self.sql, *self._order(values))

    async def fetch_value(self, conn: Conn, **values: object) -> Any:  # noqa: ANN401  # a column has any type
        """The first column of the first row, or None."""
        return await conn.fetchval(self.sql, *self._order(values))

    async def execute(self, conn: Conn, **values: object) -> None:
        """Run for its effect alone."""
        await conn.execute(self.sql, *self._order(values))

    async def execute_many(self, conn: Conn, rows: list[dict[str, object]]) -> None:
        """Run once per row, pipelined."""
        await conn.executemany(self.sql, [self._order(row) for row in rows])

    def _order(self, values: Mapping[str, object]) -> list[object]:
        if len(values) != len(self.parameters):
            raise TypeError(f"{self.name} takes {self.parameters}, not {tuple(values)}")
        return [values[name] for name in self.parameters]


def load_statements(file_name: str) -> dict[str, Statement]:
    """Every statement of `sql/<file_name>.sql`, by name."""
    text = (files("database") / "sql" / f"{file_name}.sql").read_text(encoding="utf-8")
    preamble, *statements = _NAME_LINE.split(text)
    parts = _pair(_PART_LINE.split(preamble)[1:])
    return {name: _parse(name, _PART.sub(lambda m: parts[m[1]], body)) for name, body in _pair(statements).items()}


def _pair(split: list[str]) -> dict[str, str]:
    return dict(zip(split[::2], split[1::2], strict=True))


def _parse(name: str, body: str) -> Statement:
    parameters: list[str] = []

    def number(match: re.Match[str]) -> str:
        if match[1] not in parameters:
            parameters.append(match[1])
        return f"${parameters.index(match[1]) + 1}"

    sql = _PARAMETER.sub(number, _COMMENT.sub("", body)).strip()
    return Statement(name, sql, tuple(parameters))
