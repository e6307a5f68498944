"""How the web process is served."""

import pytest
import uvicorn

from cli.serve import serve
from core.settings import Settings


def test_the_server_leaves_it_to_us_which_proxies_are_believed(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    configurations: list[uvicorn.Config] = []
    monkeypatch.setattr(uvicorn, "run", lambda app, **options: configurations.append(uvicorn.Config(app, **options)))
    monkeypatch.setattr("gc.freeze", lambda: None)
    serve(settings, "postgresql://127.0.0.1:1/nowhere", host="127.0.0.1", port=0)
    [configuration] = configurations
    assert not configuration.proxy_headers
    assert not configuration.access_log, "it would write ticket tokens"
