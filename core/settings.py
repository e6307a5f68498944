"""All settings, read once by the composition roots in `cli/` and handed down from there."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import unquote

from pydantic import (
    BaseModel,
    Field,
    PositiveInt,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError as SettingsSourceError

from core.channel_settings import (
    AttachmentSettings,
    GmailSettings,
    MailboxSettings,
    MetaSettings,
    TwilioSettings,
)
from core.database_url import PrimaryUrl, ServerUrl
from core.errors import OperatorError
from core.setting_types import Dsn, Headers, HttpUrl, Networks, Origins

Environment = Literal["development", "test", "production"]


class SettingsError(OperatorError):
    """A setting is missing or wrong; the message names each variable and what was expected."""


class DatabaseSettings(BaseModel):
    """Where the one Postgres is. Without a URL, `nightdesk up` starts an embedded server.

    Where a `listener_url` is set, it leads to the server and `url` to a pooler in transaction mode.
    """

    url: PrimaryUrl | None = None
    listener_url: PrimaryUrl | None = None
    replica_url: ServerUrl | None = None
    pool_size: PositiveInt = 10
    statement_timeout_seconds: PositiveInt = 10

    @property
    def session_url(self) -> str | None:
        """The way to the server on which a session stays what it is: for LISTEN, locks, migrations and commands."""
        return self.listener_url or self.url

    @property
    def pooler_url(self) -> str | None:
        """The way through the pooler, where each transaction may be on another session: for the pools alone."""
        return self.url if self.listener_url else None


class ApiSettings(BaseModel):
    """The web process."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    public_url: HttpUrl | None = None
    max_body_bytes: PositiveInt = 256 * 1024
    max_streams: PositiveInt = 500
    trusted_proxies: Networks = ()
    cors_origins: Origins = ()


class AuthSettings(BaseModel):
    """How long people stay signed in: an access token is renewed by itself until the session ends."""

    # A signing key is dropped a day after its successor began, so no token may live longer.
    access_minutes: Annotated[int, Field(ge=1, le=60)] = 15
    session_days: Annotated[int, Field(ge=1, le=365)] = 30


class WorkerSettings(BaseModel):
    """The worker process."""

    concurrency: PositiveInt = 16
    lease_seconds: Annotated[int, Field(ge=5, le=300)] = 60
    poll_seconds: Annotated[float, Field(gt=0)] = 2.0
    max_attempts: PositiveInt = 5
    reconcile_seconds: Annotated[float, Field(gt=0)] = 30.0
    metrics_host: str = "127.0.0.1"
    metrics_port: Annotated[int, Field(ge=0, le=65535)] = 0


Days = Annotated[int, Field(ge=0, le=36_500)]


class RetentionSettings(BaseModel):
    """How many days each class of data is kept; 0 keeps it. Which tables and rows these are: `database/retention.py`.

    Finished messages of the queue say which deliveries are repetitions: so long, one is known as such.
    """

    source_days: Days = 30
    queue_days: Days = 30
    dead_letter_days: Days = 30
    thread_name_days: Days = 400
    code_days: Days = 1
    trace_days: Days = 90
    conversation_days: Days = 0


class OpenAISettings(BaseModel):
    """GPT-4o or any compatible server. Without a key the offline brain answers.

    `chat` is the API that every compatible server speaks. After `breaker_failures` failures in a row the offline brain
    answers at once, and the model is tried again every `breaker_seconds`.
    """

    api_key: SecretStr | None = None
    model: Annotated[str, Field(pattern=r"\S")] = "gpt-4o"
    base_url: HttpUrl | None = None
    api: Literal["chat", "responses"] = "chat"
    timeout_seconds: Annotated[float, Field(gt=0)] = 30.0
    max_output_tokens: PositiveInt = 1_000
    breaker_failures: PositiveInt = 5
    breaker_seconds: Annotated[float, Field(gt=0)] = 30.0


class AgentSettings(BaseModel):
    """What the agent may decide by itself, and what one turn may cost; beyond that the offline brain takes it."""

    confidence_threshold: Annotated[float, Field(ge=0, le=1)] = 0.75
    max_turns: Annotated[int, Field(ge=3, le=50)] = 10
    turn_timeout_seconds: Annotated[float, Field(gt=0)] = 45.0
    max_tokens: PositiveInt = 60_000
    max_cost_usd: Annotated[float, Field(gt=0)] = 0.25
    window_tokens: Annotated[int, Field(ge=1_000)] = 8_000
    max_automatic_replies: PositiveInt = 4
    max_replies_per_hour: PositiveInt = 20
    judge_seconds: Annotated[float, Field(ge=0, le=60)] = 8.0


class EmbeddingSettings(BaseModel):
    """The local embedding model, and OpenAI's beside it where `provider` says so. Without any, words alone decide."""

    provider: Literal["local", "openai"] = "local"
    model_dir: Path | None = None
    threads: PositiveInt = 1
    openai_model: str = "text-embedding-3-small"
    timeout_seconds: Annotated[float, Field(gt=0)] = 5.0


class KnowledgeSettings(BaseModel):
    """What the desk learns by itself."""

    learn_resolutions: bool = False
    quiet_hours: PositiveInt = 24


class RateSettings(BaseModel):
    """How often somebody may ask, a minute: the form by address, a ticket by its holder, the API by its caller.

    `refused` is how often one address may show a key or a token that is not valid.
    """

    limits: bool = True
    form_per_minute: PositiveInt = 10
    ticket_per_minute: PositiveInt = 120
    caller_per_minute: PositiveInt = 600
    refused_per_minute: PositiveInt = 60


class TicketSettings(BaseModel):
    """How tickets are named and what is promised about them."""

    prefix: Annotated[str, Field(pattern=r"^[A-Z]{1,8}$")] = "TF"
    sla_minutes: Annotated[dict[str, PositiveInt], NoDecode] = {"free": 24 * 60, "pro": 8 * 60, "enterprise": 60}

    def promise_minutes(self, plans: Iterable[str]) -> int:
        """Minutes to a person's first reply for a customer on these plans: the best of them, at least `free`."""
        return min(self.sla_minutes[plan] for plan in {*plans, "free"} if plan in self.sla_minutes)

    @field_validator("sla_minutes", mode="before")
    @classmethod
    def _read_json(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError:
            raise ValueError('expected JSON such as {"free": 1440, "pro": 480}') from None

    @field_validator("sla_minutes")
    @classmethod
    def _require_free_plan(cls, value: dict[str, int]) -> dict[str, int]:
        if "free" not in value:
            raise ValueError('expected minutes for at least the plan "free", which unknown customers have')
        return value


class CompanySettings(BaseModel):
    """Who signs the replies."""

    name: str = "Harborline"
    team: str = "Support Team"


class LogSettings(BaseModel):
    """How much is logged, and in which shape. `auto` is JSON unless standard error is a terminal."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    format: Literal["auto", "json", "console"] = "auto"


class OtelSettings(BaseModel):
    """Where traces go, under the names that OpenTelemetry gives its variables. Without an endpoint there are none."""

    exporter_otlp_endpoint: HttpUrl | None = None
    exporter_otlp_headers: Headers | None = None
    service_name: Annotated[str, Field(pattern=r"\S")] | None = None
    traces_sampler_arg: Annotated[float, Field(ge=0, le=1)] = 1.0

    def list_headers(self) -> dict[str, str]:
        """The headers by name, their values decoded, as the standard writes them: `name=value,name=value`."""
        if self.exporter_otlp_headers is None:
            return {}
        pairs = (part.partition("=") for part in self.exporter_otlp_headers.get_secret_value().split(","))
        return {name.strip(): unquote(value.strip()) for name, _, value in pairs}


class SentrySettings(BaseModel):
    """Where errors are reported. Without a DSN they are only logged."""

    dsn: Dsn | None = None


class Settings(BaseSettings):
    """The whole tree. `WORKER_CONCURRENCY` in the environment is `settings.worker.concurrency`."""

    model_config = SettingsConfigDict(
        env_nested_delimiter="_",
        env_nested_max_split=1,
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    environment: Environment = "development"
    secret_key: SecretStr | None = None
    data_dir: Path = Path(".data")

    agent: AgentSettings = AgentSettings()
    api: ApiSettings = ApiSettings()
    attachment: AttachmentSettings = AttachmentSettings()
    auth: AuthSettings = AuthSettings()
    company: CompanySettings = CompanySettings()
    database: DatabaseSettings = DatabaseSettings()
    embedding: EmbeddingSettings = EmbeddingSettings()
    gmail: GmailSettings = GmailSettings()
    knowledge: KnowledgeSettings = KnowledgeSettings()
    log: LogSettings = LogSettings()
    mailbox: MailboxSettings = MailboxSettings()
    meta: MetaSettings = MetaSettings()
    openai: OpenAISettings = OpenAISettings()
    otel: OtelSettings = OtelSettings()
    rate: RateSettings = RateSettings()
    retention: RetentionSettings = RetentionSettings()
    sentry: SentrySettings = SentrySettings()
    ticket: TicketSettings = TicketSettings()
    twilio: TwilioSettings = TwilioSettings()
    worker: WorkerSettings = WorkerSettings()

    @model_validator(mode="after")
    def _require_production_values(self) -> "Settings":
        if self.embedding.provider == "openai" and self.openai.api_key is None:
            raise ValueError("EMBEDDING_PROVIDER: openai needs OPENAI_API_KEY")
        if self.database.url is None and (self.database.listener_url or self.database.replica_url):
            raise ValueError("DATABASE_URL: DATABASE_LISTENER_URL and DATABASE_REPLICA_URL need it beside them")
        if self.environment != "production":
            return self
        if not self.twilio.require_signature:
            raise ValueError("TWILIO_REQUIRE_SIGNATURE: cannot be switched off when ENVIRONMENT=production")
        if not self.rate.limits:
            raise ValueError("RATE_LIMITS: cannot be switched off when ENVIRONMENT=production")
        if self.secret_key is None or len(self.secret_key.get_secret_value()) < 32:
            raise ValueError("SECRET_KEY: expected at least 32 characters when ENVIRONMENT=production")
        if self.database.url is None:
            raise ValueError("DATABASE_URL: expected a postgresql:// URL when ENVIRONMENT=production")
        return self


def load_settings(env_file: Path | None = Path(".env")) -> Settings:
    """Read the environment and `env_file`; raise SettingsError that names every wrong variable."""
    try:
        return Settings(_env_file=env_file)  # type: ignore[call-arg]  # known to pydantic-settings alone
    except SettingsSourceError as error:
        raise SettingsError(str(error)) from None
    except ValidationError as error:
        raise SettingsError("\n".join(_describe(detail["loc"], detail["msg"]) for detail in error.errors())) from None


def _describe(location: tuple[int | str, ...], message: str) -> str:
    variable = "_".join(str(part) for part in location).upper()
    text = message.removeprefix("Value error, ")
    return f"{variable}: {text}" if variable else text
