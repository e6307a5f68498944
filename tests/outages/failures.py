"""Commits that fail, because a deferred trigger fails them."""

from database.pool import connect


async def fail_commits(url: str, table: str, *states: str) -> None:
    """The next transactions that write to this table fail at their commit, one with each of these SQLSTATEs."""
    conn = await connect(url, application="test")
    # A sequence, because nothing else counts on through a rollback.
    await conn.execute(
        f"""
        CREATE SEQUENCE commits;
        CREATE FUNCTION fail_at_commit() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
            state text := (string_to_array('{" ".join(states)}', ' '))[nextval('commits')];
        BEGIN
            IF state IS NOT NULL THEN
                RAISE EXCEPTION 'made to fail' USING ERRCODE = state;
            END IF;
            RETURN NULL;
        END $$;
        CREATE CONSTRAINT TRIGGER fail_at_commit AFTER INSERT OR UPDATE ON {table}
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fail_at_commit();
        """
    )
    await conn.close()


async def let_commits_pass(url: str) -> int:
    """Commits no longer fail. Returns how many have been tried."""
    conn = await connect(url, application="test")
    tried: int = await conn.fetchval("SELECT last_value FROM commits")
    await conn.execute("DROP FUNCTION fail_at_commit CASCADE")
    await conn.close()
    return tried
