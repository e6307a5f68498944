"""What belongs to a session never goes over a pool's connection: behind a pooler the next statement is on another.

mypy lets nobody pass a pool's connection where a DbConnection is wanted; this finds who ought to want one.
"""

import ast
import re
from collections.abc import Iterator

import pytest

from database.statements import load_statements
from tests.database.test_statements import ROOT, SOURCES, SQL_FILES

OF_A_SESSION = re.compile(
    r"pg_(try_)?advisory_(un)?lock|\b(UN)?LISTEN\b|\bTEMP(ORARY)? TABLE|\bDECLARE\b|\bWITH HOLD\b|\bDISCARD\b"
    r"|\b(PREPARE|DEALLOCATE)\b|\bset_config\((?![^)]*, true\))|(\A|;)\s*SET (?!LOCAL\b)|\bRESET\b"
)
METHODS = {"add_listener", "remove_listener", "prepare", "cursor", "add_termination_listener"}
RUNNING = {"execute", "executemany", "fetch", "fetchrow", "fetchval"}
PATHS = [str(path.relative_to(ROOT)) for path in SOURCES]


def list_named(file: str) -> set[str]:
    """The statements of a file that leave something in the session."""
    return {name for name, statement in load_statements(file).items() if OF_A_SESSION.search(statement.sql)}


NAMED = {file: list_named(file) for file in SQL_FILES}


def find_careless(source: str) -> Iterator[str]:
    """Functions that leave something in a session on a connection that may be a pool's."""
    loaded = re.search(r'load_statements\("(\w+)"\)', source)
    names = NAMED[loaded[1]] if loaded else set()
    for function in ast.walk(ast.parse(source)):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if any(_leaves_something(node, names) for node in ast.walk(function)) and not _has_its_own(function):
            yield function.name


def _leaves_something(node: ast.AST, names: set[str]) -> bool:
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        return ast.unparse(node.value) == "_SQL" and node.slice.value in names
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    if node.func.attr in METHODS:
        return True
    return node.func.attr in RUNNING and bool(node.args) and bool(OF_A_SESSION.search(_read_text(node.args[0])))


def _read_text(node: ast.expr) -> str:
    """What a text literally says, with x for what is put into it."""
    if isinstance(node, ast.JoinedStr):
        return "".join(_read_text(part) for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else "x"


def _has_its_own(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """It opens one itself, or is given one that no pool gives."""
    arguments = {ast.unparse(argument.annotation) for argument in function.args.args if argument.annotation}
    calls = {ast.unparse(node.func) for node in ast.walk(function) if isinstance(node, ast.Call)}
    return "DbConnection" in arguments or "connect" in calls


@pytest.mark.parametrize(
    "line",
    [
        'await conn.execute("SET jit = off")',
        'await conn.fetchval("SELECT pg_try_advisory_lock(7)")',
        'await conn.execute(f"LISTEN {channel}")',
        'await conn.add_listener("channel", print)',
        'await _SQL["try_lock"].fetch_value(conn, key=1)',
    ],
)
def test_what_stays_in_a_session_is_found(line: str) -> None:
    source = f'_SQL = load_statements("locks")\nasync def work(conn: Conn, channel: str) -> None:\n    {line}\n'
    assert list(find_careless(source)) == ["work"]
    assert not list(find_careless(source.replace("conn: Conn", "conn: DbConnection")))
    harmless = 'await conn.execute("SET LOCAL lock_timeout = 1; SELECT pg_advisory_xact_lock(7)")'
    assert not list(find_careless(source.replace(line, harmless)))


def test_statements_that_belong_to_a_session_are_known() -> None:
    assert {file: names for file, names in NAMED.items() if names} == {
        "locks": {"try_lock", "unlock"},
        "upkeep": {"elect"},
    }


def test_nothing_of_a_session_goes_over_a_connection_that_may_be_a_pools() -> None:
    careless = {path: list(find_careless((ROOT / path).read_text())) for path in PATHS}
    assert {path: names for path, names in careless.items() if names} == {}
