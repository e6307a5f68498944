"""Alerts and dashboard speak of metrics that exist, and every alert says what to do."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import Metric, generate_latest
from prometheus_client.registry import Collector

from api.routes.prometheus import describe_desk
from core.telemetry import ApiTelemetry, WorkerTelemetry
from database.queries.live import DeskFigures
from tests.monitoring.promql import FUNCTIONS, read_promql

ROOT = Path(__file__).parents[2]
ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yml"
DASHBOARD = ROOT / "deploy" / "grafana" / "nightdesk.json"
GUIDE = ROOT / "docs" / "observability.md"
FIGURES = DeskFigures(
    channels=[
        {
            "channel": "web",
            "claimable": 1,
            "leased": 1,
            "quiet": 0,
            "delayed": 0,
            "messages": 2,
            "oldest_seconds": 1.5,
        }
    ],
    dead_letters=0,
    replies={},
    tickets={},
    workers=1,
    busy=0,
    slots=16,
    offline_workers=0,
    troubled={"gmail": 1},
    is_paused=False,
)
_SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "gauge": ("",)}
# What Prometheus adds to every series and to buckets, and what it says of alerts.
_ADDED = {"instance", "job", "le"}
_OWN = {"ALERTS": {"alertname", "alertstate"}}


class Everything(Collector):
    """A web process, its desk, and a worker, each having measured something."""

    def __init__(self) -> None:
        self.api, self.worker = ApiTelemetry(), WorkerTelemetry()
        self.api.note_request("GET", "/health", 200, 0.01)
        self.worker.note_turn("web", "answered", {"queue": 1.0, "agent": 1.0})
        self.worker.note_turn_failure("TimeoutError", is_final=False)
        self.worker.note_fallback("Breaker")
        self.worker.note_delivery("web", "sent")
        self.worker.watch("turns", lambda: 0)
        self.worker.note_model_request(
            "gpt-4o", "turn", error=None, seconds=1, input_tokens=9, cached_tokens=3, output_tokens=2, cost_usd=0.1
        )
        for block in (self.worker.time_claim("turns"), self.worker.time_send("web"), self.worker.time_commit()):
            with block:
                pass

    def collect(self) -> Iterator[Metric]:
        """Every metric once."""
        yield from self.api.registry.collect()
        yield from describe_desk(FIGURES)
        known = {metric.name for metric in self.api.registry.collect()}
        yield from (metric for metric in self.worker.registry.collect() if metric.name not in known)


def list_series() -> dict[str, set[str]]:
    """The labels of each series that there is, by its name."""
    series: dict[str, set[str]] = {"nightdesk_up": set()}
    for metric in Everything().collect():
        for sample in metric.samples:
            series.setdefault(sample.name, set()).update(sample.labels)
    return series | _OWN


def list_alerts() -> list[dict[str, Any]]:
    """The rules."""
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


def list_expressions() -> list[str]:
    """Every expression of the alerts and of the dashboard."""
    dashboard = json.loads(DASHBOARD.read_text())
    panels = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    notes = [note["expr"] for note in dashboard["annotations"]["list"]]
    return [rule["expr"] for rule in list_alerts()] + panels + notes


@pytest.mark.parametrize("expression", list_expressions())
def test_an_expression_is_well_formed_and_speaks_of_what_there_is(expression: str) -> None:
    reading, series = read_promql(expression), list_series()
    assert reading.metrics
    assert reading.metrics <= set(series)
    assert reading.functions <= FUNCTIONS
    for metric, labels in reading.matched.items():
        assert labels <= series[metric] | _ADDED
    assert reading.grouped <= set.union(*(series[metric] for metric in reading.metrics)) | _ADDED


@pytest.mark.parametrize(
    "broken", ["sum(rate(a[5m])", "sum by (x (a)", "a{b=}c}", "rate(a[five])", "a ? b", 'a{b="c"', "a)"]
)
def test_an_expression_that_is_not_well_formed_is_found(broken: str) -> None:
    with pytest.raises(ValueError, match=re.escape(broken)):
        read_promql(broken)


def test_an_expression_is_taken_apart() -> None:
    reading = read_promql('sum by (channel) (rate(a_total{result=~"failed|sent"}[5m])) / max(b) > 0.5 or vector(0)')
    assert reading.metrics == {"a_total", "b"}
    assert reading.matched == {"a_total": {"result"}, "b": set()}
    assert (reading.grouped, reading.functions) == ({"channel"}, {"sum", "rate", "max", "vector"})


def test_every_alert_waits_a_while_and_says_how_bad_it_is_and_what_to_do() -> None:
    chapters = {
        line.removeprefix("### ").lower() for line in GUIDE.read_text().splitlines() if line.startswith("### Nightdesk")
    }
    alerts = list_alerts()
    for rule in alerts:
        assert re.fullmatch(r"\d+m", rule["for"])
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["runbook"] == f"docs/observability.md#{rule['alert'].lower()}"
    assert {rule["alert"].lower() for rule in alerts} == chapters


def test_names_follow_the_conventions() -> None:
    for metric in Everything().collect():
        assert re.fullmatch(r"(nightdesk|process)_[a-z_]+", metric.name)
        assert metric.documentation.endswith(".")
        assert not re.search(r"_(ms|milliseconds|minutes|kb|total)(_|$)", metric.name)
        if metric.name.startswith("nightdesk") and metric.type in {"counter", "histogram"}:
            for suffix in _SUFFIXES[metric.type]:
                assert f"{metric.name}{suffix}" in list_series()


def test_panels_have_their_own_numbers_and_places() -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(taken)) == len(taken)
    assert max(x for x, _ in taken) < 24


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool comes with Prometheus")
class TestWithPromtool:
    """What Prometheus itself says."""

    def test_the_alerts_are_as_their_tests_expect(self) -> None:
        subprocess.run(["promtool", "test", "rules", "alerts_test.yml"], cwd=ALERTS.parent, check=True)

    def test_every_expression_of_the_dashboard_is_promql(self, tmp_path: Path) -> None:
        rules = [
            {"record": f"nightdesk:panel_{place}", "expr": expression.replace("$__rate_interval", "5m")}
            for place, expression in enumerate(list_expressions())
        ]
        file = tmp_path / "rules.yml"
        file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
        subprocess.run(["promtool", "check", "rules", str(file)], check=True)

    def test_what_is_served_is_as_prometheus_likes_it(self) -> None:
        subprocess.run(["promtool", "check", "metrics"], input=generate_latest(Everything()), check=True)
