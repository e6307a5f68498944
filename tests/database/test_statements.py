"""Named SQL: parameters by name, and every statement fits the real schema and is used."""

import re
from pathlib import Path

import pytest

from database.pool import DbConnection
from database.statements import Statement, _parse, load_statements

ROOT = Path(__file__).parents[2]
SQL_FILES = sorted(path.stem for path in (ROOT / "database" / "sql").glob("*.sql"))
SOURCES = sorted(
    path
    for package in ("agent", "api", "channels", "cli", "database", "workers")
    for path in (ROOT / package).rglob("*.py")
)
ALL_STATEMENTS = [(file, statement) for file in SQL_FILES for statement in load_statements(file).values()]


async def test_parameters_are_given_by_name_in_any_order(conn: DbConnection) -> None:
    statement = _parse("join", "SELECT :second::text || '-' || :first::text || '-' || :second::text")
    assert statement.parameters == ("second", "first")
    assert await statement.fetch_value(conn, first="a", second="b") == "b-a-b"


def test_casts_and_comments_are_not_taken_for_parameters() -> None:
    statement = _parse("cast", "SELECT :a::text::int -- not :this\n, '10:30'::time")
    assert statement.parameters == ("a",)
    assert statement.sql.startswith("SELECT $1::text::int")
    assert "this" not in statement.sql


@pytest.mark.parametrize("values", [{}, {"a": 1}, {"a": 1, "b": 2, "c": 3}])
async def test_a_missing_or_extra_parameter_is_a_type_error(values: dict[str, object], conn: DbConnection) -> None:
    statement = _parse("add", "SELECT :a::int + :b::int")
    with pytest.raises(TypeError, match="add takes"):
        await statement.fetch_value(conn, **values)


async def test_a_misspelt_parameter_is_refused(conn: DbConnection) -> None:
    statement = _parse("add", "SELECT :a::int + :b::int")
    with pytest.raises((TypeError, KeyError)):
        await statement.fetch_value(conn, a=1, bee=2)


async def test_each_way_to_run_a_statement_returns_what_it_says(conn: DbConnection) -> None:
    await conn.execute("CREATE TEMP TABLE pairs (a integer, b integer) ON COMMIT DROP")
    add = _parse("add", "INSERT INTO pairs (a, b) VALUES (:a, :b)")
    await add.execute(conn, a=1, b=2)
    await add.execute_many(conn, [{"b": 4, "a": 3}, {"a": 5, "b": 6}])
    read = _parse("read", "SELECT a, b FROM pairs WHERE a >= :least ORDER BY a")
    assert [tuple(row) for row in await read.fetch(conn, least=2)] == [(3, 4), (5, 6)]
    assert tuple(await read.fetch_row(conn, least=2) or ()) == (3, 4)
    assert await read.fetch_row(conn, least=9) is None
    assert await read.fetch_value(conn, least=9) is None


@pytest.mark.parametrize(
    ("file", "statement"), ALL_STATEMENTS, ids=[f"{file}.{statement.name}" for file, statement in ALL_STATEMENTS]
)
async def test_every_statement_fits_the_real_schema(file: str, statement: Statement, conn: DbConnection) -> None:
    prepared = await conn.prepare(statement.sql)
    assert len(prepared.get_parameters()) == len(statement.parameters)


@pytest.mark.parametrize("file", SQL_FILES)
def test_every_statement_of_a_file_is_used_and_every_used_one_exists(file: str) -> None:
    texts = [path.read_text() for path in SOURCES]
    users = "\n".join(text for text in texts if f'load_statements("{file}")' in text)
    assert set(re.findall(r'_SQL\["(\w+)"\]', users)) == set(load_statements(file))


@pytest.mark.parametrize("file", SQL_FILES)
def test_no_two_statements_of_a_file_share_a_name(file: str) -> None:
    text = (ROOT / "database" / "sql" / f"{file}.sql").read_text()
    names = re.findall(r"^-- name: (\w+)", text, re.MULTILINE)
    assert len(names) == len(set(names)) == len(load_statements(file))
