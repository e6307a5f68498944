"""How the web process is served."""

from fastapi import FastAPI

from api import desk, server
from api.server import build_server
from core.stopping import STOP_SECONDS


def test_the_server_leaves_it_to_us_which_proxies_are_believed() -> None:
    configuration = build_server(FastAPI(), host="127.0.0.1", port=0).config
    assert not configuration.proxy_headers
    assert not configuration.access_log, "it would write ticket tokens"


def test_a_request_that_waits_for_an_agent_ends_before_the_server_gives_up_on_it() -> None:
    assert desk.LAST_SECONDS < server.GRACE_SECONDS < STOP_SECONDS
