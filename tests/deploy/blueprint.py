"""A Render Blueprint as https://render.com/docs/blueprint-spec documents it: what a desk can use of it, and no more.

Stricter than Render's own schema where the page says more in words: what excludes each other, what must match.
"""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic.alias_generators import to_camel

Region = Literal["oregon", "ohio", "virginia", "frankfurt", "singapore"]
# CPUs and memory, such as 0.5c-512mb or 1c-2g. The names that were used until August 2026 are not taken.
Plan = Annotated[str, StringConstraints(pattern=r"^\d+(\.\d+)?c-\d+(mb|g)$")]
Name = Annotated[str, StringConstraints(min_length=1)]
Instances = Annotated[int, Field(ge=1, le=100)]
Percent = Annotated[int, Field(ge=1, le=90)]


class Strict(BaseModel):
    """Nothing that is not documented, and no text where a number belongs."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", strict=True, frozen=True)


class FromDatabase(Strict):
    """A property of a database."""

    name: Name
    property: Literal["connectionString", "connectionPoolString", "host", "port", "user", "password", "database"]


class FromService(Strict):
    """A property or a variable of another service: one of the two."""

    type: Literal["web", "worker", "pserv", "cron", "keyvalue"]
    name: Name
    property: Literal["host", "port", "hostport", "connectionString"] | None = None
    env_var_key: Name | None = None

    @model_validator(mode="after")
    def _require_one(self) -> Self:
        if (self.property is None) == (self.env_var_key is None):
            raise ValueError("expected property or envVarKey")
        return self


class GroupVariable(Strict):
    """A variable of a group: a value, or one that Render makes. It cannot be asked for, nor be taken from elsewhere."""

    key: Name
    value: str | int | float | None = None
    generate_value: Literal[True] | None = None

    @model_validator(mode="after")
    def _require_one(self) -> Self:
        if len(self.model_fields_set) != 2:
            raise ValueError(f"{self.key}: expected one source")
        return self


class Variable(GroupVariable):
    """A variable of a service."""

    sync: Literal[False] | None = None
    from_database: FromDatabase | None = None
    from_service: FromService | None = None


class Group(Strict):
    """Variables that services share."""

    name: Name
    env_vars: list[GroupVariable]


class FromGroup(Strict):
    """All variables of a group."""

    from_group: Name


class Scaling(Strict):
    """How Render chooses the number of instances; on Pro workspaces and above."""

    min_instances: Instances
    max_instances: Instances
    target_cpu_percent: Annotated[Percent | None, Field(alias="targetCPUPercent")] = None
    target_memory_percent: Percent | None = None

    @model_validator(mode="after")
    def _require_target(self) -> Self:
        if self.min_instances > self.max_instances or len(self.model_fields_set) < 3:
            raise ValueError("expected a target, and no more instances at least than at most")
        return self


class Service(Strict):
    """A service that Render builds from a Dockerfile."""

    type: Literal["web", "worker"]
    name: Name
    runtime: Literal["docker"]
    region: Region
    plan: Plan
    num_instances: Instances | None = None
    scaling: Scaling | None = None
    branch: Name | None = None
    dockerfile_path: Name | None = None
    docker_context: Name | None = None
    docker_command: Name | None = None
    pre_deploy_command: Name | None = None
    auto_deploy_trigger: Literal["off", "commit", "checksPass"]
    health_check_path: Annotated[str, StringConstraints(pattern="^/")] | None = None
    max_shutdown_delay_seconds: Annotated[int, Field(ge=1, le=300)]
    domains: list[Name] = []
    env_vars: list[Variable | FromGroup]

    @model_validator(mode="after")
    def _require_consistency(self) -> Self:
        if (self.num_instances is None) == (self.scaling is None):
            raise ValueError(f"{self.name}: expected numInstances or scaling")
        if (self.type == "web") != (self.health_check_path is not None) or (self.type != "web" and self.domains):
            raise ValueError(f"{self.name}: a web service is asked for its health, and it alone has domains")
        return self


class Replica(Strict):
    """A copy to read from."""

    name: Name


class HighAvailability(Strict):
    """A standby that takes over."""

    enabled: bool


class AllowedAddress(Strict):
    """Who may connect from outside."""

    source: Name
    description: str | None = None


class Database(Strict):
    """A managed PostgreSQL."""

    name: Name
    region: Region
    plan: Plan
    postgres_major_version: Literal["15", "16", "17", "18"]
    database_name: Name | None = None
    user: Name | None = None
    disk_size_gb: Annotated[int, Field(ge=1, alias="diskSizeGB")]
    storage_autoscaling_enabled: bool | None = None
    connection_pool: Literal["pgbouncer", "none"] | None = None
    ip_allow_list: list[AllowedAddress]
    high_availability: HighAvailability | None = None
    read_replicas: Annotated[list[Replica], Field(max_length=5)] = []

    @model_validator(mode="after")
    def _require_size(self) -> Self:
        if self.disk_size_gb != 1 and self.disk_size_gb % 5:
            raise ValueError("diskSizeGB: expected 1 or a multiple of 5")
        return self


class Blueprint(Strict):
    """A whole render.yaml."""

    databases: list[Database]
    env_var_groups: list[Group]
    services: list[Service]

    @model_validator(mode="after")
    def _require_what_is_referred_to(self) -> Self:
        groups = {group.name for group in self.env_var_groups}
        databases = {database.name for database in self.databases}
        services = {(service.type, service.name) for service in self.services}
        for service in self.services:
            for variable in service.env_vars:
                match variable:
                    case FromGroup(from_group=name):
                        known = name in groups
                    case Variable(from_database=FromDatabase(name=name)):
                        known = name in databases
                    case Variable(from_service=FromService(type=kind, name=name)):
                        known = (kind, name) in services
                    case _:
                        known = True
                if not known:
                    raise ValueError(f"{service.name}: refers to what is not there: {variable}")
        return self
