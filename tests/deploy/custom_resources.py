"""The resources that Kubernetes itself knows nothing of, as far as we use them. A field that is not here is an error.

Sources: KEDA's reference of ScaledObject and TriggerAuthentication and its page on the PostgreSQL scaler (2.17), and
the Prometheus Operator's reference of PodMonitor (monitoring.coreos.com/v1).
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

Name = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)]
Count = Annotated[int, Field(ge=0)]
# KEDA takes numbers of a trigger as text alone.
Digits = Annotated[str, Field(pattern=r"^\d+$")]


class Strict(BaseModel):
    """Nothing beside its fields, and no value turned into another type."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", strict=True)


class Metadata(Strict):
    """What every resource has; kustomize adds the namespace."""

    name: Name
    namespace: Name | None = None


class Reference(Strict):
    """Another resource of the same namespace."""

    name: Name


class Fallback(Strict):
    """How many there are when the question fails."""

    failure_threshold: Count
    replicas: Count
    behavior: Literal["static", "currentReplicas", "currentReplicasIfHigher", "currentReplicasIfLower"] = "static"


class ScalingPolicy(Strict):
    """How fast."""

    type: Literal["Pods", "Percent"]
    value: Annotated[int, Field(gt=0)]
    period_seconds: Annotated[int, Field(gt=0, le=1800)]


class ScalingRules(Strict):
    """One direction of an autoscaler."""

    stabilization_window_seconds: Annotated[int, Field(ge=0, le=3600)]
    policies: Annotated[list[ScalingPolicy], Field(min_length=1)]


class Behavior(Strict):
    """Both directions."""

    scale_down: ScalingRules | None = None
    scale_up: ScalingRules | None = None


class AutoscalerConfig(Strict):
    """Handed on to the autoscaler that KEDA makes."""

    behavior: Behavior


class Advanced(Strict):
    """Of a ScaledObject."""

    horizontal_pod_autoscaler_config: AutoscalerConfig


class PostgresQuery(Strict):
    """The metadata of the PostgreSQL scaler."""

    query: str
    target_query_value: Digits
    activation_target_query_value: Digits | None = None
    host: str | None = None
    port: Digits
    user_name: str | None = None
    db_name: str | None = None
    sslmode: Literal["disable", "require", "verify-ca", "verify-full"]


class PostgresTrigger(Strict):
    """The only trigger we use."""

    type: Literal["postgresql"]
    metadata: PostgresQuery
    authentication_ref: Reference


class ScaledObjectSpec(Strict):
    """Without a cooldown and an idle count: both are for the way to no replica at all."""

    scale_target_ref: Reference
    min_replica_count: Annotated[int, Field(ge=1)]
    max_replica_count: Annotated[int, Field(ge=1)]
    polling_interval: Annotated[int, Field(gt=0)]
    fallback: Fallback
    advanced: Advanced
    triggers: Annotated[list[PostgresTrigger], Field(min_length=1)]


class ScaledObject(Strict):
    """How many workers there are."""

    api_version: Literal["keda.sh/v1alpha1"]
    kind: Literal["ScaledObject"]
    metadata: Metadata
    spec: ScaledObjectSpec


class SecretTarget(Strict):
    """A parameter of the trigger from a key of a Secret."""

    parameter: Literal["host", "port", "userName", "password", "dbName", "sslmode"]
    name: Name
    key: str


class TriggerAuthenticationSpec(Strict):
    """From Secrets alone."""

    secret_target_ref: Annotated[list[SecretTarget], Field(min_length=1)]


class TriggerAuthentication(Strict):
    """What the trigger signs in with."""

    api_version: Literal["keda.sh/v1alpha1"]
    kind: Literal["TriggerAuthentication"]
    metadata: Metadata
    spec: TriggerAuthenticationSpec


class SecretKey(Strict):
    """A key of a Secret of the same namespace."""

    name: Name
    key: str


class Authorization(Strict):
    """The header of a scrape."""

    type: Literal["Bearer"]
    credentials: SecretKey


class Endpoint(Strict):
    """What is scraped of each pod."""

    port: Name
    path: Annotated[str, Field(pattern="^/")]
    interval: Annotated[str, Field(pattern=r"^\d+s$")]
    authorization: Authorization | None = None


class Selector(Strict):
    """By labels."""

    match_labels: Annotated[dict[str, str], Field(min_length=1)]


class PodMonitorSpec(Strict):
    """Which pods."""

    selector: Selector
    pod_metrics_endpoints: Annotated[list[Endpoint], Field(min_length=1)]


class PodMonitor(Strict):
    """What Prometheus scrapes."""

    api_version: Literal["monitoring.coreos.com/v1"]
    kind: Literal["PodMonitor"]
    metadata: Metadata
    spec: PodMonitorSpec


_MODELS: dict[str, type[Strict]] = {
    model.__name__: model for model in (ScaledObject, TriggerAuthentication, PodMonitor)
}


def is_custom(resource: dict[str, Any]) -> bool:
    """Whether it is one that Kubernetes knows only with KEDA or the Prometheus Operator."""
    return resource["kind"] in _MODELS


def check_custom(resource: dict[str, Any]) -> None:
    """Raise ValidationError for what its documentation does not know."""
    _MODELS[resource["kind"]].model_validate(resource)
