"""The desk that the worker's tests run."""

import pytest

from core.settings import Settings
from database.pool import DbPool
from tests.workers.stubs import Desk


@pytest.fixture
def desk(pool: DbPool, settings: Settings) -> Desk:
    """A desk on a database of its own."""
    return Desk(pool, settings)
