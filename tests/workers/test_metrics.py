"""What a worker measures, and how it is scraped."""

import asyncio
import socket
from contextlib import aclosing
from urllib.request import urlopen

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from core.errors import OperatorError
from core.settings import Settings, WorkerSettings
from core.telemetry import WorkerTelemetry
from database.notify import Notifier
from tests.agent.builders import make_agent
from tests.agent.models.asking import ANSWER, LOOK, make_brain
from tests.emulators.openai.script import Fail
from tests.emulators.openai.server import serve_openai
from tests.workers.stubs import Desk, StubAgent, fail_to_think
from workers.metrics import serve_metrics
from workers.vitals import Vitals
from workers.worker import Worker


def find(registry: CollectorRegistry, name: str, **labels: str) -> float:
    """The value of one sample; 0 if nothing was measured."""
    return registry.get_sample_value(name, labels) or 0.0


def choose_port() -> int:
    """A port of the loopback that is free."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


async def test_an_answered_turn_is_counted_with_what_its_parts_took(desk: Desk) -> None:
    await desk.submit()
    await desk.work()
    registry = desk.telemetry.registry
    assert find(registry, "nightdesk_turns_total", channel="web", outcome="answered") == 1
    assert find(registry, "nightdesk_queue_wait_seconds_count", channel="web") == 1
    for stage in ("resolve", "agent", "commit"):
        assert find(registry, "nightdesk_turn_stage_seconds_count", stage=stage) == 1
    assert not find(registry, "nightdesk_turn_failures_total", error="ConnectionError", final="false")


async def test_failed_attempts_are_counted_by_their_error_and_a_turn_given_up_as_escalated(desk: Desk) -> None:
    desk.agent.think = fail_to_think
    await desk.submit()
    await desk.work()
    registry = desk.telemetry.registry
    assert find(registry, "nightdesk_turn_failures_total", error="ConnectionError", final="false") == 1
    await desk.execute("UPDATE queue_threads SET ready_at = now()")
    await desk.set_attempts(4)
    await desk.work()
    assert find(registry, "nightdesk_turn_failures_total", error="ConnectionError", final="true") == 1
    assert find(registry, "nightdesk_turns_total", channel="web", outcome="escalated") == 1


async def test_what_models_used_and_cost_is_counted_also_where_they_failed(desk: Desk) -> None:
    async with (
        serve_openai(LOOK, Fail(503), ANSWER) as server,
        aclosing(make_agent(brain=make_brain(server))) as agent,
    ):
        desk.agent.think = agent.run_turn
        await desk.submit("How can I reset my forgotten password?")
        await desk.work()
    (run,) = await desk.fetch("SELECT model, input_tokens, cached_tokens, output_tokens, cost_usd FROM agent_runs")
    registry, model = desk.telemetry.registry, run["model"]
    tokens = {
        kind: find(registry, "nightdesk_model_tokens_total", model=model, kind=kind)
        for kind in ("input", "cached", "output")
    }
    assert tokens["input"] + tokens["cached"] == run["input_tokens"] > 0
    assert (tokens["cached"], tokens["output"]) == (run["cached_tokens"], run["output_tokens"])
    assert find(registry, "nightdesk_model_cost_dollars_total", model=model) == pytest.approx(float(run["cost_usd"]))
    results = {
        sample.labels["result"]: sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name == "nightdesk_model_requests_total"
    }
    assert results.pop("ok") == 2
    assert sum(results.values()) == 1


async def test_a_turn_that_the_offline_brain_took_over_is_counted_with_the_reason(desk: Desk) -> None:
    async with (
        serve_openai(Fail(400)) as server,
        aclosing(make_agent(brain=make_brain(server))) as agent,
    ):
        desk.agent.think = agent.run_turn
        await desk.submit("How can I reset my forgotten password?")
        await desk.work()
    (run,) = await desk.fetch("SELECT fallback FROM agent_runs")
    assert find(desk.telemetry.registry, "nightdesk_model_fallbacks_total", reason=run["fallback"]) == 1


async def test_claims_sends_and_what_is_in_flight_are_measured(desk: Desk, database_url: str) -> None:
    telemetry, stop = WorkerTelemetry(), asyncio.Event()
    settings = Settings.model_construct(worker=WorkerSettings(poll_seconds=0.01))
    agent = StubAgent().as_agent
    worker = Worker(settings, database_url, desk.pool, agent, Notifier(database_url), telemetry=telemetry)
    await desk.submit()
    running = asyncio.ensure_future(worker.run(stop))
    async with asyncio.timeout(60):
        while not find(telemetry.registry, "nightdesk_deliveries_total", channel="web", result="sent"):
            assert await desk.count("tickets") <= 1  # a round trip, during which the worker goes on
        stop.set()
        await running
    assert find(telemetry.registry, "nightdesk_send_seconds_count", channel="web") == 1
    for pump in ("turns", "deliveries", "doubts", "media"):
        assert find(telemetry.registry, "nightdesk_claim_seconds_count", pump=pump) > 0
        assert telemetry.registry.get_sample_value("nightdesk_in_flight", {"pump": pump}) == 0


def test_no_label_can_hold_more_than_a_few_values() -> None:
    bounded = {"channel", "error", "final", "kind", "model", "outcome", "pump", "purpose", "reason", "result", "stage"}
    telemetry = WorkerTelemetry()
    collectors = set(telemetry.registry._collector_to_names)
    labels = {name for collector in collectors for name in getattr(collector, "_labelnames", ())}
    assert labels == bounded


async def test_a_worker_serves_its_metrics_where_it_is_told_to() -> None:
    vitals = Vitals(asyncio.get_running_loop())
    vitals.telemetry.note_turn("web", "answered", {"agent": 12.0})
    port = choose_port()
    async with serve_metrics(vitals, WorkerSettings(metrics_port=port)):
        text = await asyncio.to_thread(lambda: urlopen(f"http://127.0.0.1:{port}/metrics").read().decode())
    names = {family.name for family in text_string_to_metric_families(text)}
    assert {"nightdesk_turns", "nightdesk_turn_stage_seconds"} <= names
    with socket.create_server(("127.0.0.1", port)):
        pass  # it is let go at the end


async def test_no_port_serves_nothing_and_a_taken_one_is_named() -> None:
    vitals = Vitals(asyncio.get_running_loop())
    async with serve_metrics(vitals, WorkerSettings(metrics_port=0)):
        pass
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(OperatorError, match=f"WORKER_METRICS_PORT: cannot listen on 127.0.0.1:{port}"):
            async with serve_metrics(vitals, WorkerSettings(metrics_port=port)):
                pass
