"""render.yaml is a Blueprint that Render documents, and agrees with the image and the settings."""

import copy
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml
from pydantic import BaseModel, SecretStr, ValidationError

from api.main import create_app
from api.proxies import find_client, parse_address
from core import channel_settings
from core.settings import Settings
from core.stopping import STOP_SECONDS
from tests.core.test_settings import list_variables
from tests.deploy.blueprint import Blueprint, Database, FromGroup, GroupVariable, Service
from tests.deploy.context import ROOT
from tests.deploy.dockerfile import read_dockerfile

TEXT = (ROOT / "render.yaml").read_text()
BLUEPRINT = Blueprint.model_validate(yaml.safe_load(TEXT))
[WEB] = [service for service in BLUEPRINT.services if service.type == "web"]
[WORKER] = [service for service in BLUEPRINT.services if service.type == "worker"]
[DATABASE] = BLUEPRINT.databases
# Resident memory after 220 messages, measured with the image's packages on Python 3.13; the worker while it learnt.
MEGABYTES = {"web": 110, "worker": 830}

# What a process holds at most beside its pool: it listens, it notifies; a worker also beats, may be
# elected, and takes up to two locks.
EXTRA_CONNECTIONS = {"web": 2, "worker": 6}
CONNECTIONS_BELOW_8_GB = 100


def read_megabytes(plan: str) -> int:
    """The memory that a plan's name tells."""
    size, unit = re.fullmatch(r".*-(\d+)(mb|g)", plan).groups()  # type: ignore[union-attr]  # the model has checked it
    return int(size) * (1024 if unit == "g" else 1)


def list_settings(service: Service) -> Iterator[GroupVariable]:
    """Every variable of a service, those of its groups too."""
    groups = {group.name: group.env_vars for group in BLUEPRINT.env_var_groups}
    for variable in service.env_vars:
        if isinstance(variable, FromGroup):
            yield from groups[variable.from_group]
        else:
            yield variable


def find_value(service: Service, key: str) -> str:
    """What the file itself sets."""
    [value] = [str(variable.value) for variable in list_settings(service) if variable.key == key]
    return value


def list_secrets_of_channels() -> Iterator[str]:
    """Every variable of a channel that holds a secret."""
    for name, field in Settings.model_fields.items():
        model = field.annotation
        if isinstance(model, type) and issubclass(model, BaseModel) and model.__module__ == channel_settings.__name__:
            for inner, setting in model.model_fields.items():
                if setting.annotation == (SecretStr | None):
                    yield f"{name}_{inner}".upper()


@pytest.mark.parametrize("service", BLUEPRINT.services, ids=lambda service: service.name)
class TestEachService:
    """What holds for the web service and for the worker."""

    def test_its_variables_are_settings_and_each_has_one_source(self, service: Service) -> None:
        keys = [variable.key for variable in list_settings(service)]
        assert len(set(keys)) == len(keys)
        assert set(keys) <= list_variables()
        assert {"ENVIRONMENT", "SECRET_KEY", "DATABASE_URL", "API_PUBLIC_URL"} <= set(keys)

    def test_its_settings_are_accepted_in_production(self, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
        made = {"SECRET_KEY": "k" * 44, "DATABASE_URL": "postgresql://u:p@host/nightdesk", "OPENAI_API_KEY": ""}
        for variable in list_settings(service):
            value = made.get(variable.key, "https://desk.example") if variable.value is None else str(variable.value)
            monkeypatch.setenv(variable.key, value)
        settings = Settings()
        assert settings.environment == "production"
        assert settings.openai.api_key is None, "left empty, it is not set"

    def test_its_plan_holds_it_with_room_to_spare(self, service: Service) -> None:
        assert read_megabytes(service.plan) >= 1.5 * MEGABYTES[service.type]

    def test_its_plan_is_the_one_of_the_page(self, service: Service) -> None:
        page = (ROOT / "docs" / "deploy" / "render.md").read_text()
        assert re.search(rf"^\| `{service.name}`.*\| `{service.plan}` \|", page, re.MULTILINE)

    def test_it_has_the_time_that_it_needs_to_stop(self, service: Service) -> None:
        assert service.max_shutdown_delay_seconds > STOP_SECONDS

    def test_it_stands_beside_its_database(self, service: Service) -> None:
        assert service.region == DATABASE.region

    def test_its_command_is_the_images_entry_point(self, service: Service) -> None:
        entrypoint = read_dockerfile((ROOT / "Dockerfile").read_text())[-1].last("ENTRYPOINT").argv
        role = {"web": "api", "worker": "worker"}[service.type]
        assert service.docker_command == " ".join([*entrypoint, role])


def test_no_secret_has_a_value() -> None:
    secret = re.compile(r"(KEY|SECRET|TOKEN|PASSWORD|URL|DSN)S?$")
    for service in BLUEPRINT.services:
        for variable in list_settings(service):
            assert variable.value is None or not secret.search(variable.key)
    assert not re.search(r"\b[A-Za-z0-9+/_-]{32,}\b", TEXT)


def test_every_secret_of_a_channel_is_named_where_it_belongs() -> None:
    secrets = set(list_secrets_of_channels())
    assert {"TWILIO_AUTH_TOKEN", "META_APP_SECRET", "GMAIL_CLIENT_SECRET", "MAILBOX_PASSWORD"} <= secrets
    named = {
        word for line in TEXT.splitlines() if line.startswith("  #   ") for word in re.findall(r"[A-Z_]{8,}", line)
    }
    assert secrets <= named <= list_variables()
    group = FromGroup.model_validate({"fromGroup": "nightdesk-channels"})
    assert all(group in service.env_vars for service in BLUEPRINT.services)


def test_the_database_is_migrated_once_before_either_service_changes() -> None:
    assert WEB.pre_deploy_command == "nightdesk migrate"
    assert WORKER.pre_deploy_command is None


def test_the_health_check_asks_whether_the_web_process_is_ready(settings: Settings) -> None:
    app = create_app(settings, database_url="postgresql://127.0.0.1:1/nowhere", secret_key="k" * 32)
    assert WEB.health_check_path in app.openapi()["paths"]


def test_the_connections_of_a_deploy_are_enough(settings: Settings) -> None:
    assert read_megabytes(DATABASE.plan) < 8 * 1024
    each = sum(
        (service.num_instances or 0) * (settings.database.pool_size + EXTRA_CONNECTIONS[service.type])
        for service in BLUEPRINT.services
    )
    assert 2 * each + 1 <= CONNECTIONS_BELOW_8_GB, "old and new at once, and the migration"


def test_nobody_reaches_the_database_from_outside() -> None:
    assert DATABASE.ip_allow_list == []


def test_the_clients_address_is_found_behind_both_proxies() -> None:
    trusted = Settings.model_validate({"api": {"trusted_proxies": find_value(WEB, "API_TRUSTED_PROXIES")}})
    peer = parse_address("10.21.157.68")
    assert peer is not None
    chain = ["198.51.100.7, 203.0.113.9, 104.22.17.40"]  # what the client wrote, the client, Cloudflare
    assert str(find_client(peer, chain, trusted.api.trusted_proxies)) == "203.0.113.9"


SPOILED: dict[str, Callable[[Any], object]] = {
    "an unknown field": lambda file: file["services"][0].update(buildComand="x"),
    "an old plan": lambda file: file["services"][0].update(plan="starter"),
    "a region that is not there": lambda file: file["databases"][0].update(region="berlin"),
    "a version as a number": lambda file: file["databases"][0].update(postgresMajorVersion=18),
    "a size between": lambda file: file["databases"][0].update(diskSizeGB=12),
    "a group that asks": lambda file: file["envVarGroups"][0]["envVars"].append({"key": "A", "sync": False}),
    "two sources": lambda file: file["services"][0]["envVars"].append({"key": "A", "value": "b", "sync": False}),
    "no source": lambda file: file["services"][0]["envVars"].append({"key": "A"}),
    "a group that is not there": lambda file: file["services"][0]["envVars"].append({"fromGroup": "x"}),
    "a database that is not there": lambda file: file["databases"][0].update(name="x"),
    "a service that is not there": lambda file: file["services"][0].update(name="x"),
    "a worker with a health check": lambda file: file["services"][1].update(healthCheckPath="/"),
    "two ways to scale": lambda file: file["services"][0].update(scaling={"minInstances": 1, "maxInstances": 2}),
    "too long to stop": lambda file: file["services"][0].update(maxShutdownDelaySeconds=301),
}


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED.keys())
def test_a_blueprint_that_render_would_refuse_is_found(spoil: Callable[[Any], object]) -> None:
    file = copy.deepcopy(yaml.safe_load(TEXT))
    spoil(file)
    with pytest.raises(ValidationError):
        Blueprint.model_validate(file)


def test_what_is_documented_and_not_used_yet_is_taken() -> None:
    database = DATABASE.model_dump(by_alias=True, exclude_none=True) | {
        "plan": "2c-8g",
        "highAvailability": {"enabled": True},
        "readReplicas": [{"name": "nightdesk-replica"}],
        "connectionPool": "pgbouncer",
    }
    assert Database.model_validate(database).connection_pool == "pgbouncer"
    scaling = {"minInstances": 1, "maxInstances": 3, "targetCPUPercent": 60}
    service = WEB.model_dump(by_alias=True, exclude_unset=True, exclude={"num_instances"}) | {"scaling": scaling}
    assert Service.model_validate(service).num_instances is None
