"""Reading plans: what a statement would do, and what it has done."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from database.pool import DbConnection
from database.statements import Statement

Plan = dict[str, Any]


async def explain(conn: DbConnection, statement: Statement) -> Plan:
    """The generic plan: the one that must serve every value."""
    await conn.execute(f"PREPARE explained AS {statement.sql}")
    try:
        values = ", ".join(["NULL"] * len(statement.parameters))
        arguments = f"({values})" if values else ""
        return _read(await conn.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE explained{arguments}"))
    finally:
        await conn.execute("DEALLOCATE explained")


async def measure(conn: DbConnection, statement: Statement, values: dict[str, object]) -> Plan:
    """The plan with the rows and blocks of one real run, which is rolled back. Generic, as in a long-lived pool."""
    transaction = conn.transaction()
    await transaction.start()
    try:
        ordered = [values[name] for name in statement.parameters]
        return _read(
            await conn.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {statement.sql}", *ordered)
        )
    finally:
        await transaction.rollback()


def walk(plan: Plan) -> Iterator[Plan]:
    """Every node of a plan."""
    yield plan
    for part in plan.get("Plans", []):
        yield from walk(part)


def list_indexes(plan: Plan) -> set[str]:
    """The indexes it uses."""
    return {node["Index Name"] for node in walk(plan) if "Index Name" in node}


def list_sequential_scans(plan: Plan) -> set[str]:
    """The tables it reads from end to end."""
    return {node["Relation Name"] for node in walk(plan) if node["Node Type"] == "Seq Scan"}


def count_blocks(plan: Plan) -> int:
    """Blocks that a measured run has touched."""
    return int(plan["Shared Hit Blocks"]) + int(plan["Shared Read Blocks"])


def count_rows_seen(plan: Plan, indexes: Sequence[str]) -> int:
    """Rows that scans of these indexes have returned or thrown away."""
    return sum(
        int((node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"])
        for node in walk(plan)
        if node.get("Index Name") in indexes
    )


def _read(explained: str) -> Plan:
    plan: Plan = json.loads(explained)[0]["Plan"]
    return plan
