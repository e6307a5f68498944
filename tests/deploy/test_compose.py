"""The compose file: Compose takes it, its parts fit together, and what it runs by itself does what it is there for."""

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import pytest
import yaml

from core.settings import Settings
from tests.api.service import SECRET_KEY, open_service
from tests.cli.command import make_environment
from tests.deploy.manifests import COMPOSE, ROOT, list_mounts, list_services, read_compose

SERVERS = ("api", "grafana", "postgres", "prometheus", "worker")
ONCE = ("metrics-key", "migrate")
DESK = ("api", "metrics-key", "migrate", "worker")
GRAFANA = ROOT / "deploy" / "grafana"
SCRAPES = ROOT / "deploy" / "prometheus" / "prometheus.yml"


def run_schema_check(file: Path) -> subprocess.CompletedProcess[str]:
    """Against the schema that Compose publishes, as check-jsonschema has it."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_compose_takes_the_file() -> None:
    assert run_schema_check(COMPOSE).returncode == 0


def test_a_field_that_does_not_exist_is_found(tmp_path: Path) -> None:
    broken = tmp_path / "compose.yaml"
    broken.write_text(COMPOSE.read_text().replace("stop_grace_period: 30s", "stop_grace: 30s"))
    assert "stop_grace" in run_schema_check(broken).stdout


def test_every_service_is_tested_here() -> None:
    assert sorted(list_services()) == sorted(SERVERS + ONCE)


@pytest.mark.parametrize("name", SERVERS + ONCE)
def test_a_service_may_do_and_take_no_more_than_it_needs(name: str) -> None:
    service = list_services()[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["deploy"]["resources"]["limits"].keys() == {"memory", "pids"}
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}
    assert "privileged" not in service
    assert service.get("user") != "root"


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_is_watched_and_comes_back(name: str) -> None:
    service = list_services()[name]
    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"]["test"][0] == "CMD"


@pytest.mark.parametrize("name", ONCE)
def test_what_runs_once_is_not_started_again_and_others_wait_for_its_success(name: str) -> None:
    assert list_services()[name]["restart"] == "no"
    conditions = {
        service["depends_on"][name]["condition"]
        for service in list_services().values()
        if name in service.get("depends_on", {})
    }
    assert conditions == {"service_completed_successfully"}


def test_the_database_is_waited_for_until_it_answers() -> None:
    assert list_services()["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}


def test_the_database_is_reached_by_the_desk_alone() -> None:
    assert read_compose()["networks"]["database"] == {"internal": True}
    assert {name for name, service in list_services().items() if "database" in service.get("networks", [])} == {
        "postgres",
        *DESK,
    }
    assert list_services()["postgres"]["networks"] == ["database"]


def test_only_pages_for_people_are_published_and_only_on_this_machine() -> None:
    published = {name: service["ports"] for name, service in list_services().items() if "ports" in service}
    assert published == {
        "api": ["${PUBLISH_API:-127.0.0.1:8000}:8000"],
        "grafana": ["127.0.0.1:${GRAFANA_PORT:-3000}:3000"],
    }


def test_a_second_worker_finds_no_name_or_port_taken() -> None:
    worker = list_services()["worker"]
    assert not {"container_name", "hostname", "ports"} & set(worker)


def test_everything_that_is_mounted_exists_and_every_volume_is_used() -> None:
    sources = {source for service in list_services().values() for source in list_mounts(service).values()}
    files = {source for source in sources if source.startswith(".")}
    assert all((COMPOSE.parent / file).exists() for file in files)
    assert sources - files == set(read_compose()["volumes"])


def test_the_data_of_postgres_lies_where_its_image_keeps_it() -> None:
    """From 18 on the folder above the data is mounted; the image refuses any other."""
    postgres = list_services()["postgres"]
    assert re.search(r"-pg(18|19)-", postgres["image"])
    assert list_mounts(postgres) == {"/var/lib/postgresql": "postgres"}


class Answer(BaseHTTPRequestHandler):
    """Answers as if it were ready, or not."""

    status = 200
    asked = ""

    def do_GET(self) -> None:
        type(self).asked = self.path
        self.send_response(type(self).status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@pytest.fixture(params=[200, 503])
def answering(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The port of a server that answers probes, once as if it were ready and once as if it were not."""
    monkeypatch.setattr(Answer, "status", request.param)
    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("name", "variable"), [("api", "API_PORT"), ("worker", "WORKER_METRICS_PORT")])
def test_a_health_check_asks_its_service_whether_it_is_ready(name: str, variable: str, answering: int) -> None:
    service = list_services()[name]
    program, flag, script = service["healthcheck"]["test"][1:]
    port = service["environment"][variable]
    assert (program, flag, script.count(f":{port}/")) == ("python", "-c", 1)
    moved = script.replace(f":{port}/", f":{answering}/")
    done = subprocess.run([sys.executable, "-c", moved], capture_output=True, check=False)
    assert (done.returncode == 0) == (Answer.status == 200)
    assert Answer.asked == "/health/ready"


async def test_prometheus_gets_a_key_once_that_opens_the_metrics(
    tmp_path: Path, settings: Settings, database_url: str
) -> None:
    service = list_services()["metrics-key"]
    shell, option = service["entrypoint"]
    (script,) = service["command"]
    commands = tmp_path / "bin"
    commands.mkdir()
    nightdesk = commands / "nightdesk"
    nightdesk.write_text(f'#!/bin/sh\nexec {sys.executable} -m cli.main "$@"\n')
    nightdesk.chmod(0o755)
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    environment = make_environment(database_url, {"SECRET_KEY": SECRET_KEY})
    environment["PATH"] = f"{commands}{os.pathsep}{environment['PATH']}"

    def run() -> str:
        moved = script.replace("/data", str(data))
        subprocess.run([shell, option, moved], env=environment, cwd=tmp_path, check=True, capture_output=True)
        return (data / "nightdesk.key").read_text()

    key = run()
    assert run() == key
    for path in (data, data / "nightdesk.key"):
        assert path.stat().st_mode & stat.S_IROTH
    assert data.stat().st_mode & stat.S_IXOTH
    async with open_service(settings, database_url) as desk:
        bearer = {"Authorization": f"Bearer {key.strip()}"}
        assert (await desk.client.get("/metrics", headers=bearer)).status_code == 200
        assert (await desk.client.get("/tickets", headers=bearer)).status_code == 403


def test_prometheus_asks_every_replica_where_it_listens() -> None:
    scrapes = {
        scrape["job_name"]: scrape["dns_sd_configs"] for scrape in yaml.safe_load(SCRAPES.read_text())["scrape_configs"]
    }
    api, worker = (list_services()[name]["environment"] for name in ("api", "worker"))
    found = {(found["names"][0], found["type"], str(found["port"])) for (found,) in scrapes.values()}
    assert found == {("api", "A", api["API_PORT"]), ("worker", "A", worker["WORKER_METRICS_PORT"])}
    assert {api["API_HOST"], worker["WORKER_METRICS_HOST"]} == {"0.0.0.0"}


def test_the_rules_lie_where_prometheus_looks_for_them() -> None:
    mounts = list_mounts(list_services()["prometheus"])
    for file in yaml.safe_load(SCRAPES.read_text())["rule_files"]:
        assert mounts[f"/etc/prometheus/{file}"] == f"./prometheus/{file}"


def test_the_key_lies_where_prometheus_looks_for_it() -> None:
    mounts = list_mounts(list_services()["prometheus"])
    folder = Path("/etc/prometheus")
    files = [
        scrape["authorization"]["credentials_file"]
        for scrape in yaml.safe_load(SCRAPES.read_text())["scrape_configs"]
        if "authorization" in scrape
    ]
    assert [mounts[str((folder / file).parent)] for file in files] == ["metrics-key"]
    assert list_mounts(list_services()["metrics-key"]) == {"/data": "metrics-key"}


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool comes with Prometheus")
def test_prometheus_takes_its_configuration_as_it_is_mounted(tmp_path: Path) -> None:
    for target, source in list_mounts(list_services()["prometheus"]).items():
        if source.startswith("."):
            place = tmp_path / Path(target).name
            shutil.copyfile(COMPOSE.parent / source, place)
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "nightdesk.key").write_text("nd_key")
    subprocess.run(["promtool", "check", "config", "prometheus.yml"], cwd=tmp_path, check=True, capture_output=True)


def test_grafana_asks_our_prometheus_and_shows_our_dashboard() -> None:
    grafana = list_services()["grafana"]
    (source,) = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yaml").read_text())["datasources"]
    (provider,) = yaml.safe_load((GRAFANA / "provisioning/dashboards/nightdesk.yaml").read_text())["providers"]
    dashboard = json.loads((GRAFANA / "nightdesk.json").read_text())
    (variable,) = dashboard["templating"]["list"]
    address = urlsplit(source["url"])
    assert address.hostname in list_services()
    assert f":{address.port}/" in str(list_services()["prometheus"]["healthcheck"]["test"])
    assert source["isDefault"]
    assert source["type"] == variable["query"]
    assert source["jsonData"]["timeInterval"] == yaml.safe_load(SCRAPES.read_text())["global"]["scrape_interval"]
    shown = f"{provider['options']['path']}/nightdesk.json"
    assert list_mounts(grafana)[shown] == "./grafana/nightdesk.json"
    assert list_mounts(grafana)["/etc/grafana/provisioning"] == "./grafana/provisioning"
    assert grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"] == shown
