"""`nightdesk doctor` and the servers beside the primary: the pooler that all pools go to, and the replica."""

import dataclasses
from pathlib import Path

import pytest

from cli.doctor.examine import examine_desk
from cli.doctor.other_servers import plan_other_servers
from core.settings import DatabaseSettings, Settings
from database.pool import DbPool, connect
from database.queries import checkup
from database.role_defaults import write_role_defaults
from tests.acceptance.processes import find_free_port
from tests.cli.doctor_desk import Trouble, find_troubles, list_troubles, look, make_settings

PASSWORD = "a-password-of-nobody"


def find_nobody() -> str:
    """A URL where nothing listens."""
    return f"postgresql://desk:{PASSWORD}@127.0.0.1:{find_free_port()}/desk"


def configure(folder: Path, url: str, *, listener: str | None = None, replica: str | None = None) -> Settings:
    return make_settings(folder, database=DatabaseSettings(url=url, listener_url=listener, replica_url=replica))


async def examine(settings: Settings) -> dict[str, Trouble]:
    """What is wrong with the database, by its subject."""
    results = await examine_desk(settings, settings.database.session_url, on_done=lambda _done, _planned: None)
    return {trouble[0]: trouble for trouble in list_troubles(each for each in results if each.area == "Database")}


async def test_a_desk_without_a_pooler_and_a_replica_has_nothing_to_look_at(database_url: str, tmp_path: Path) -> None:
    assert not list(plan_other_servers(configure(tmp_path, database_url)))


async def test_a_dead_pooler_and_a_dead_replica_are_named_and_the_rest_is_looked_at(
    pool: DbPool, database_url: str, tmp_path: Path
) -> None:
    await pool.execute("INSERT INTO schema_migrations VALUES (9999, '9999_later.sql', 'x')")
    troubles = await examine(configure(tmp_path, find_nobody(), listener=database_url, replica=find_nobody()))
    for subject, level, setting in (
        ("Pooler", "problem", "DATABASE_URL"),
        ("Replica", "advice", "DATABASE_REPLICA_URL"),
    ):
        _, found_level, found, remedy = troubles[subject]
        assert found_level == level
        assert "ConnectionRefusedError" in found
        assert f"Check {setting}" in str(remedy)
    assert troubles["Migrations"][1] == "advice"
    assert "Server" not in troubles or troubles["Server"][1] == "advice"  # this machine is busy
    assert PASSWORD not in str(troubles)


async def test_a_server_that_is_away_behind_its_pooler_is_named_by_the_setting_that_leads_to_it(
    database_url: str, tmp_path: Path
) -> None:
    troubles = await examine(configure(tmp_path, database_url, listener=find_nobody()))
    _, level, _, remedy = troubles["Server"]
    assert level == "problem"
    assert "Check DATABASE_LISTENER_URL," in str(remedy)
    assert "DATABASE_URL" not in str(remedy)
    assert PASSWORD not in str(troubles)


async def test_a_pooler_whose_sessions_lack_their_settings_is_told_until_they_are_written(
    database_url: str, tmp_path: Path
) -> None:
    checks = list(plan_other_servers(configure(tmp_path, database_url, listener=database_url)))
    ((subject, level, found, remedy),) = await find_troubles(checks)
    assert (subject, level) == ("Pooler", "advice")
    assert "idle_in_transaction_session_timeout = 0 instead of 10s" in found
    assert remedy == "Run `nightdesk migrate`, then RECONNECT in PgBouncer."
    conn = await connect(database_url, application="test")
    await write_role_defaults(conn, statement_timeout_seconds=10)
    await conn.close()
    (pooler,) = await look(checks)
    assert (pooler.subject, pooler.finding.level) == ("Pooler", "ok")


async def test_a_replica_that_is_no_standby_is_told(database_url: str, tmp_path: Path) -> None:
    checks = plan_other_servers(configure(tmp_path, database_url, replica=database_url))
    ((subject, level, found, remedy),) = await find_troubles(checks)
    assert (subject, level) == ("Replica", "advice")
    assert "no standby" in found
    assert "DATABASE_REPLICA_URL" in str(remedy)


@pytest.mark.parametrize(
    ("lag", "level", "expected"),
    [(29.0, "ok", "follows"), (31.0, "advice", "31 s old"), (None, "advice", "replayed no commit")],
)
async def test_a_standby_is_judged_by_how_far_it_is_behind(
    lag: float | None, level: str, expected: str, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    conn = await connect(database_url, application="test")
    standby = dataclasses.replace(await checkup.describe_server(conn), is_replica=True)
    await conn.close()

    async def describe(_conn: object) -> checkup.Server:
        return standby

    async def measure(_conn: object) -> float | None:
        return lag

    monkeypatch.setattr(checkup, "describe_server", describe)
    monkeypatch.setattr("cli.doctor.other_servers.measure_lag", measure)
    (replica,) = await look(plan_other_servers(configure(Path(), database_url, replica=database_url)))
    assert replica.finding.level == level
    assert expected in replica.finding.found
