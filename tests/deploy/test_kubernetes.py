"""The manifests: Kubernetes takes every field, and what one resource says of another is true."""

import copy
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import kubernetes_validate
import pytest
from pydantic import ValidationError

from core.settings import WorkerSettings
from core.stopping import STOP_SECONDS
from tests.deploy.custom_resources import check_custom, is_custom
from tests.deploy.manifests import (
    BASE,
    EXAMPLE,
    Mapping,
    find,
    list_containers,
    list_kind,
    list_pods,
    list_ports,
    list_selected,
    matches,
    name_of,
    read_resources,
    read_settings,
    render,
)

# The first version whose pods can pause before they stop without a shell, and the newest that is known here.
VERSIONS = ("1.30", kubernetes_validate.latest_version())
PODS = ("api", "migrate", "worker")

needs_kubectl = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")


def check(resource: Mapping, version: str) -> None:
    """Raise ValidationError for what the API does not know."""
    if is_custom(resource):
        check_custom(resource)
    else:
        kubernetes_validate.validate(resource, version, strict=True)


def list_selectors() -> Iterator[tuple[str, Mapping]]:
    """Every selector that is meant for the pods of one name, with that name."""
    for kind in ("Deployment", "PodDisruptionBudget", "PodMonitor"):
        for resource in list_kind(kind):
            yield resource["metadata"]["name"], resource["spec"]["selector"]
    for service in list_kind("Service"):
        yield service["metadata"]["name"], {"matchLabels": service["spec"]["selector"]}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("resource", read_resources(EXAMPLE), ids=name_of)
def test_kubernetes_takes_every_resource(resource: Mapping, version: str) -> None:
    check(resource, version)


@pytest.mark.parametrize("name", ["Deployment/api", "ScaledObject/worker"])
def test_a_field_that_does_not_exist_is_found(name: str) -> None:
    broken = copy.deepcopy(find(name))
    broken["spec"]["replicaz"] = 3
    with pytest.raises((kubernetes_validate.ValidationError, ValidationError), match="replicaz"):
        check(broken, VERSIONS[0])


@needs_kubectl
@pytest.mark.parametrize("folder", [BASE, EXAMPLE], ids=["base", "example"])
def test_kubectl_makes_the_resources_that_stand_in_the_files(folder: Path) -> None:
    assert sorted(map(name_of, render(folder))) == sorted(map(name_of, read_resources(folder)))


@needs_kubectl
class TestWithKubectl:
    """The example as it would be applied."""

    def find(self, name: str) -> Mapping:
        (found,) = [resource for resource in render(EXAMPLE) if name_of(resource) == name]
        return found

    def test_kubernetes_takes_every_resource(self) -> None:
        for resource in render(EXAMPLE):
            check(resource, VERSIONS[0])

    def test_every_resource_is_in_the_namespace(self) -> None:
        for resource in render(EXAMPLE):
            if resource["kind"] != "Namespace":
                assert resource["metadata"]["namespace"] == find("Namespace/nightdesk")["metadata"]["name"]

    def test_the_migration_of_each_version_is_a_job_of_its_own(self) -> None:
        job = self.find("Job/migrate")
        image = job["spec"]["template"]["spec"]["containers"][0]["image"]
        assert job["metadata"]["name"] == f"migrate-{image.partition(':')[2]}"

    def test_a_changed_setting_starts_new_pods_and_changes_no_job(self) -> None:
        name = self.find("ConfigMap/settings")["metadata"]["name"]
        assert re.fullmatch(r"settings-[a-z0-9]{10}", name)
        for owner in ("Deployment/api", "Deployment/worker"):
            (container,) = self.find(owner)["spec"]["template"]["spec"]["containers"]
            assert {"configMapRef": {"name": name}} in container["envFrom"]
        assert "settings" not in str(self.find("Job/migrate"))

    def test_what_an_autoscaler_counts_has_no_number_of_its_own(self) -> None:
        for owner in ("Deployment/api", "Deployment/worker"):
            assert "replicas" not in self.find(owner)["spec"]

    def test_the_settings_are_those_that_are_read_without_kubectl(self) -> None:
        assert self.find("ConfigMap/settings")["data"] == read_settings()


def test_without_keda_two_workers_are_there() -> None:
    assert find("Deployment/worker", BASE)["spec"]["replicas"] == 2
    assert not [resource for resource in read_resources(BASE) if is_custom(resource)]


@pytest.mark.parametrize("name", PODS)
def test_a_pod_may_do_nothing_that_it_needs_not(name: str) -> None:
    spec = list_pods()[name]["spec"]
    assert spec["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    assert spec["automountServiceAccountToken"] is False
    assert find(f"ServiceAccount/{spec['serviceAccountName']}")["automountServiceAccountToken"] is False
    for container in spec["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["requests"].keys() == {"cpu", "memory"}
        assert "memory" in container["resources"]["limits"]


@pytest.mark.parametrize("name", PODS)
def test_a_pod_can_write_where_the_image_writes_and_nowhere_else(name: str) -> None:
    spec = list_pods()[name]["spec"]
    volumes = {volume["name"]: volume["emptyDir"] for volume in spec["volumes"]}
    assert all("sizeLimit" in volume for volume in volumes.values())
    for container in spec["containers"]:
        assert {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]} == {
            "data": "/data",
            "tmp": "/tmp",
        }
        assert set(volumes) == {"data", "tmp"}


@pytest.mark.parametrize("name", PODS)
def test_no_service_of_the_namespace_becomes_a_setting(name: str) -> None:
    """A Service named api would set API_PORT to tcp://…."""
    assert list_pods()[name]["spec"]["enableServiceLinks"] is False


@pytest.mark.parametrize("name", PODS)
def test_a_pod_gets_the_time_that_it_needs_to_stop(name: str) -> None:
    spec = list_pods()[name]["spec"]
    pauses = [
        container["lifecycle"]["preStop"]["sleep"]["seconds"]
        for container in spec["containers"]
        if "lifecycle" in container
    ]
    assert len(pauses) == (name == "api")
    assert spec["terminationGracePeriodSeconds"] >= STOP_SECONDS + sum(pauses) + 5


@pytest.mark.parametrize("name", ["api", "worker"])
def test_a_deployment_rolls_without_losing_one_and_spreads_over_the_nodes(name: str) -> None:
    spec = find(f"Deployment/{name}")["spec"]
    assert spec["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    (spread,) = spec["template"]["spec"]["topologySpreadConstraints"]
    assert matches(spread["labelSelector"], list_pods()[name])


@pytest.mark.parametrize(("name", "selector"), list(list_selectors()))
def test_a_selector_takes_the_pods_of_its_name_and_no_others(name: str, selector: Mapping) -> None:
    assert list_selected(selector) == [name]


@pytest.mark.parametrize("name", PODS)
def test_an_owner_has_the_labels_of_its_pods(name: str) -> None:
    (owner,) = [found for found in [*list_kind("Deployment"), *list_kind("Job")] if found["metadata"]["name"] == name]
    assert owner["metadata"]["labels"] == list_pods()[name]["metadata"]["labels"]
    assert owner["metadata"]["labels"]["app.kubernetes.io/component"] == name


def test_an_autoscaler_counts_what_exists_and_can_measure_it() -> None:
    (scaler,) = list_kind("HorizontalPodAutoscaler")
    spec = scaler["spec"]
    assert spec["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "api"}
    assert 2 <= spec["minReplicas"] < spec["maxReplicas"]
    assert {metric["resource"]["name"] for metric in spec["metrics"]} == {"cpu"}


def test_requests_find_their_way_from_the_ingress_to_the_container() -> None:
    (ingress,) = list_kind("Ingress")
    (rule,) = ingress["spec"]["rules"]
    (path,) = rule["http"]["paths"]
    backend = path["backend"]["service"]
    ports = {port["name"]: port["targetPort"] for port in find(f"Service/{backend['name']}")["spec"]["ports"]}
    assert list_ports("api")[ports[backend["port"]["name"]]] == int(read_settings()["API_PORT"])
    assert ingress["spec"]["tls"][0]["hosts"] == [rule["host"]]
    assert read_settings()["API_PUBLIC_URL"] == f"https://{rule['host']}"


@pytest.mark.parametrize(("pod", "port", "variable"), [("api", "http", "API"), ("worker", "metrics", "WORKER_METRICS")])
def test_a_process_listens_where_its_pod_is_asked(pod: str, port: str, variable: str) -> None:
    assert list_ports(pod) == {port: int(read_settings()[f"{variable}_PORT"])}
    assert read_settings()[f"{variable}_HOST"] == "0.0.0.0"
    ((_, container),) = [found for found in list_containers() if found[0] == pod]
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container[probe]["httpGet"]["port"] == port
    (monitor,) = [found for found in list_kind("PodMonitor") if found["metadata"]["name"] == pod]
    assert [endpoint["port"] for endpoint in monitor["spec"]["podMetricsEndpoints"]] == [port]


def test_nothing_comes_in_or_goes_out_unless_a_policy_names_it() -> None:
    denial = find("NetworkPolicy/default-deny")["spec"]
    assert denial == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    strangers = {
        policy["metadata"]["name"]
        for policy in list_kind("NetworkPolicy")
        if not list_selected(policy["spec"]["podSelector"])
    }
    assert strangers == {"certificates"}


def test_certificates_are_proved_through_the_ingress_that_brings_requests() -> None:
    requests, certificates = (find(f"NetworkPolicy/{name}")["spec"] for name in ("requests", "certificates"))
    assert certificates["podSelector"] == {"matchLabels": {"acme.cert-manager.io/http01-solver": "true"}}
    assert [rule["from"] for rule in certificates["ingress"]] == [rule["from"] for rule in requests["ingress"]]


@pytest.mark.parametrize(
    ("pod", "named", "numbers"),
    [
        ("api", {"http", "metrics"}, {53, 443, 465, 587, 993, 5432, 6432}),
        ("worker", {"http", "metrics"}, {53, 443, 465, 587, 993, 5432, 6432}),
        ("migrate", {"http", "metrics"}, {53, 5432, 6432}),
    ],
)
def test_policies_open_the_ports_that_a_pod_has_and_the_ways_it_needs(
    pod: str, named: set[str], numbers: set[int]
) -> None:
    opened = {
        port["port"]
        for policy in list_kind("NetworkPolicy")
        if pod in list_selected(policy["spec"]["podSelector"])
        for rule in [*policy["spec"].get("ingress", []), *policy["spec"].get("egress", [])]
        for port in rule["ports"]
    }
    assert opened == named | numbers
    assert set(list_ports(pod)) <= named


def test_the_queue_decides_how_many_workers_there_are() -> None:
    spec = find("ScaledObject/worker")["spec"]
    (trigger,) = spec["triggers"]
    assert find(f"Deployment/{spec['scaleTargetRef']['name']}")
    assert find(f"TriggerAuthentication/{trigger['authenticationRef']['name']}")
    assert 2 <= spec["minReplicaCount"] == spec["fallback"]["replicas"] < spec["maxReplicaCount"]
    # A worker more before all slots are taken, and not one for every few messages.
    slots = WorkerSettings().concurrency
    assert slots / 2 < int(trigger["metadata"]["targetQueryValue"]) < slots
