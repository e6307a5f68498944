"""Compose, Kubernetes, the image and the code say the same: settings, ports, probes, secrets, versions, times."""

import inspect
import re
import tomllib
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import yaml

from api.openapi import build_app
from core.settings import load_settings
from tests.core.test_settings import list_variables
from tests.deploy.manifests import EXAMPLE, ROOT, Mapping, list_containers, list_kind, list_services, read_settings
from workers import metrics

VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
GUIDES = {name: (ROOT / "docs" / "deploy" / f"{name}.md").read_text() for name in ("compose", "kubernetes")}
REQUIRED = {"DATABASE_URL", "SECRET_KEY"}
_VARIABLE = re.compile(r"\$\{([A-Z_]+)(:\?[^}]+|:-[^}]*)?\}")


def list_desk() -> dict[str, Mapping]:
    """The services of the compose file that run our image."""
    return {name: service for name, service in list_services().items() if service["image"].startswith("nightdesk:")}


def list_compose_settings() -> dict[str, str]:
    """Everything that the compose file itself sets for our processes."""
    return {name: value for service in list_desk().values() for name, value in service["environment"].items()}


def list_references() -> Iterator[tuple[str, str, bool]]:
    """Each key of a Secret that a manifest names, with the Secret's name and whether it must be there."""
    for _, container in list_containers():
        for variable in container.get("env", []):
            if "valueFrom" in variable:
                reference = variable["valueFrom"]["secretKeyRef"]
                yield reference["name"], reference["key"], not reference.get("optional", False)
    for authentication in list_kind("TriggerAuthentication"):
        for target in authentication["spec"]["secretTargetRef"]:
            yield target["name"], target["key"], True
    for monitor in list_kind("PodMonitor"):
        for endpoint in monitor["spec"]["podMetricsEndpoints"]:
            if "authorization" in endpoint:
                credentials = endpoint["authorization"]["credentials"]
                yield credentials["name"], credentials["key"], True


def list_probes() -> list[tuple[str, str]]:
    """Whom each probe asks, and for which path."""
    asked = [
        (name, container[probe]["httpGet"]["path"])
        for name, container in list_containers()
        for probe in ("startupProbe", "livenessProbe", "readinessProbe")
        if probe in container
    ]
    for name, service in list_desk().items():
        if "healthcheck" in service:
            (address,) = re.findall(r"http://[^']+", service["healthcheck"]["test"][-1])
            asked.append((name, urlsplit(address).path))
    return sorted(set(asked))


def test_every_variable_that_is_set_is_a_setting() -> None:
    named = {variable["name"] for _, container in list_containers() for variable in container.get("env", [])}
    named |= set(read_settings()) | set(list_compose_settings())
    assert named <= list_variables()


def test_the_desk_starts_with_what_compose_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in list_compose_settings().items():
        monkeypatch.setenv(name, _VARIABLE.sub("x" * 32, value))
    settings = load_settings(None)
    assert settings.environment == "production"
    assert urlsplit(settings.database.url or "").hostname in list_services()


def test_the_desk_starts_with_what_kubernetes_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in read_settings().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SECRET_KEY", "x" * 32)
    monkeypatch.setenv("DATABASE_URL", "postgresql://nightdesk@db.example.com/nightdesk")
    settings = load_settings(None)
    assert settings.environment == "production"
    assert settings.api.trusted_proxies


def test_both_run_the_same_commands_of_the_image() -> None:
    pods = {name: container["args"] for name, container in list_containers()}
    assert pods == {"api": ["api"], "worker": ["worker"], "migrate": ["migrate"]}
    assert {name: list_desk()[name]["command"] for name in pods} == pods


def test_both_listen_on_the_same_ports() -> None:
    for variable in ("API_PORT", "WORKER_METRICS_PORT"):
        assert read_settings()[variable] == list_compose_settings()[variable]


@pytest.mark.parametrize(("name", "path"), list_probes())
def test_a_probe_asks_for_what_is_served(name: str, path: str) -> None:
    if name == "api":
        assert path in build_app().openapi()["paths"]
    else:
        assert f'"{path}"' in inspect.getsource(metrics)


def test_liveness_is_not_readiness() -> None:
    """A pod that waits for the database must not be killed for it."""
    for _, container in list_containers():
        if "livenessProbe" in container:
            assert container["livenessProbe"]["httpGet"]["path"] == "/health"
            assert container["startupProbe"]["httpGet"]["path"] == "/health"
            assert container["readinessProbe"]["httpGet"]["path"] == "/health/ready"


def test_every_image_has_an_exact_tag_and_ours_is_this_version() -> None:
    images = {service["image"] for service in list_services().values()}
    images |= {container["image"] for _, container in list_containers()}
    (replaced,) = yaml.safe_load((EXAMPLE / "kustomization.yaml").read_text())["images"]
    images.add(f"{replaced['name']}:{replaced['newTag']}")
    assert f"nightdesk:{VERSION}" in images
    for image in images:
        name, _, tag = image.partition(":")
        assert re.search(r"\d+\.\d+\.\d+", tag)
        assert name != "nightdesk" or tag == VERSION


def test_nothing_secret_stands_in_the_files() -> None:
    assert not list_kind("Secret")
    assert all(service["env_file"] == ".env" for service in list_desk().values())
    assert ".env" in (ROOT / ".gitignore").read_text().splitlines()
    for service in list_services().values():
        for name, value in service.get("environment", {}).items():
            if re.search("KEY|PASSWORD|SECRET|TOKEN", name):
                assert _VARIABLE.fullmatch(value)
            assert urlsplit(_VARIABLE.sub("", value)).password in {None, ""}
    for name, value in read_settings().items():
        assert not re.search("KEY|PASSWORD|SECRET|TOKEN|DATABASE", name)
        assert urlsplit(value).password is None


def test_the_compose_file_names_what_is_missing_and_its_guide_says_how_to_make_it() -> None:
    variables = {
        name: rule
        for service in list_services().values()
        for value in service.get("environment", {}).values()
        for name, rule in _VARIABLE.findall(value)
    }
    assert set(variables) == {"GRAFANA_PASSWORD", "POSTGRES_PASSWORD", "SECRET_KEY"}
    for name, rule in variables.items():
        assert rule == f":?write {name} into deploy/.env; docs/deploy/compose.md says how"
        assert f"{name}=$(openssl rand -hex 32)" in GUIDES["compose"]


def test_the_guide_makes_every_secret_that_the_manifests_read() -> None:
    made = {
        name: set(re.findall(r"--from-literal=(\w+)=", options))
        for name, options in re.findall(r"create secret generic (\S+)(.*)", GUIDES["kubernetes"].replace("\\\n", " "))
    }
    read: dict[str, set[str]] = {}
    for name, key, is_required in list_references():
        if is_required:
            read.setdefault(name, set()).add(key)
    assert made == read
    assert made["nightdesk"] == REQUIRED
    for _, container in list_containers():
        secrets = {source["secretRef"]["name"] for source in container.get("envFrom", []) if "secretRef" in source}
        assert secrets <= {"nightdesk"}


def test_the_migration_sees_no_secret_of_a_channel() -> None:
    (container,) = [container for name, container in list_containers() if name == "migrate"]
    assert "envFrom" not in container
    assert {key for name, key, _ in list_references() if name == "nightdesk"} == REQUIRED | {"DATABASE_LISTENER_URL"}


@pytest.mark.parametrize("name", ["api", "worker"])
def test_compose_waits_until_a_process_has_stopped(name: str) -> None:
    assert list_desk()[name]["stop_grace_period"] == "30s"
