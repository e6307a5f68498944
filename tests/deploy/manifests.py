"""Reads what stands in deploy/: the compose file, and the resources of a kustomization with kubectl and without."""

import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "deploy" / "compose.yaml"
KUBERNETES = ROOT / "deploy" / "kubernetes"
BASE = KUBERNETES / "base"
EXAMPLE = KUBERNETES / "overlays" / "example"

Mapping = dict[str, Any]

# What the reader makes nothing of, because it changes no resource's kind, name or settings.
_LEFT_TO_KUBECTL = {"apiVersion", "images", "kind", "namespace", "patches", "replacements"}


@cache
def read_compose() -> Mapping:
    """The compose file, with its anchors resolved and its variables as they stand."""
    content: Mapping = yaml.safe_load(COMPOSE.read_text())
    return content


def list_services() -> Mapping:
    """The services of the compose file by name."""
    services: Mapping = read_compose()["services"]
    return services


def list_mounts(service: Mapping) -> dict[str, str]:
    """What a service sees, by the path it sees it at: a volume's name, or a path relative to deploy/."""
    mounts = (volume.split(":") for volume in service.get("volumes", []))
    return {target: source for source, target, *_ in mounts}


@cache
def read_resources(folder: Path) -> list[Mapping]:
    """What `kubectl apply -k` would apply, as it stands in the files: read without kubectl.

    Raises ValueError for a part of a kustomization that is not known here, so that nothing is overlooked.
    """
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    resources: list[Mapping] = []
    for entry in [*kustomization.pop("resources", []), *kustomization.pop("components", [])]:
        place = folder / entry
        resources += read_resources(place) if place.is_dir() else yaml.safe_load_all(place.read_text())
    for generator in kustomization.pop("configMapGenerator", []):
        resources = _generate(resources, generator)
    if unknown := sorted(set(kustomization) - _LEFT_TO_KUBECTL):
        raise ValueError(f"{folder}: not known here: {', '.join(unknown)}")
    return resources


@cache
def render(folder: Path) -> list[Mapping]:
    """The same as kubectl makes it."""
    done = subprocess.run(["kubectl", "kustomize", str(folder)], capture_output=True, text=True, check=True)
    return list(yaml.safe_load_all(done.stdout))


def name_of(resource: Mapping) -> str:
    """Kind and name, without the hash or the version that a rendered name ends in."""
    name = re.sub("^(settings|migrate)-.*", r"\1", resource["metadata"]["name"])
    return f"{resource['kind']}/{name}"


def find(name: str, folder: Path = EXAMPLE) -> Mapping:
    """One resource, such as Deployment/api."""
    (found,) = [resource for resource in read_resources(folder) if name_of(resource) == name]
    return found


def list_kind(kind: str) -> list[Mapping]:
    """Every resource of a kind."""
    return [resource for resource in read_resources(EXAMPLE) if resource["kind"] == kind]


def list_pods() -> dict[str, Mapping]:
    """The template of every pod by its name."""
    owners = [*list_kind("Deployment"), *list_kind("Job")]
    return {owner["metadata"]["name"]: owner["spec"]["template"] for owner in owners}


def list_containers() -> Iterator[tuple[str, Mapping]]:
    """Every container with the name of its pod's owner."""
    for name, pod in list_pods().items():
        for container in pod["spec"]["containers"]:
            yield name, container


def matches(selector: Mapping, pod: Mapping) -> bool:
    """Whether a selector takes a pod."""
    labels = pod["metadata"]["labels"]
    wanted = selector.get("matchLabels", {})
    return all(labels.get(key) == value for key, value in wanted.items()) and all(
        rule["operator"] == "In" and labels.get(rule["key"]) in rule["values"]
        for rule in selector.get("matchExpressions", [])
    )


def list_selected(selector: Mapping) -> list[str]:
    """The names of the pods that a selector takes."""
    return [name for name, pod in list_pods().items() if matches(selector, pod)]


def list_ports(pod: str) -> dict[str, int]:
    """The ports of a pod by name."""
    return {
        port["name"]: port["containerPort"]
        for name, container in list_containers()
        if name == pod
        for port in container.get("ports", [])
    }


def read_settings() -> dict[str, str]:
    """What the ConfigMap tells every pod."""
    settings: dict[str, str] = find("ConfigMap/settings")["data"]
    return settings


def _generate(resources: list[Mapping], generator: Mapping) -> list[Mapping]:
    fresh = dict(literal.split("=", 1) for literal in generator["literals"])
    name = {"name": generator["name"]}
    if generator.get("behavior") != "merge":
        return [*resources, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": name, "data": fresh}]
    return [
        {**resource, "data": resource["data"] | fresh}
        if (resource["kind"], resource["metadata"]["name"]) == ("ConfigMap", generator["name"])
        else resource
        for resource in resources
    ]
