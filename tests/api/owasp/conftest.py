"""An attack, and mostly several, for each item of the OWASP API Security Top 10 of 2023, on the running application.

https://owasp.org/API-Security/editions/2023/en/0x11-t10/
"""

from collections.abc import AsyncIterator

import httpx
import pytest

from core.settings import RateSettings, Settings
from tests.api.service import open_service
from tests.api.world import World, build_world, with_channels
from tests.conftest import cloned


@pytest.fixture(scope="package")
async def world(server_url: str, template_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """A desk with two customers and staff. Attacks leave nothing behind that another one would stumble over."""
    settings = Settings.model_construct(data_dir=tmp_path_factory.mktemp("owasp"), rate=RateSettings(limits=False))
    async with cloned(server_url, "nightdesk_template") as url, open_service(with_channels(settings), url) as service:
        yield await build_world(service)


@pytest.fixture
def client(world: World) -> httpx.AsyncClient:
    """A client of that desk."""
    return world.service.client
