"""Settings: a wrong or missing value fails at start with the variable's name and what was expected."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from core.settings import Settings, SettingsError, load_settings

ROOT = Path(__file__).parents[2]


def list_variables() -> set[str]:
    """Every variable of the settings tree."""
    names = set()
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            names |= {f"{name}_{inner}".upper() for inner in field.annotation.model_fields}
        else:
            names.add(name.upper())
    return names


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in list_variables():
        monkeypatch.delenv(variable, raising=False)


def test_a_variable_reaches_its_place_in_the_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKER_CONCURRENCY", "3")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    settings = load_settings(None)
    assert settings.worker.concurrency == 3
    assert settings.openai.api_key is not None
    assert settings.openai.api_key.get_secret_value() == "sk-test"


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("WORKER_CONCURRENCY", "many", "valid integer"),
        ("DATABASE_URL", "mysql://localhost", "postgresql://"),
        ("AGENT_CONFIDENCE_THRESHOLD", "1.5", "less than or equal to 1"),
        ("API_PUBLIC_URL", "nightdesk.example", "http"),
        ("LOG_LEVEL", "LOUD", "DEBUG"),
        ("TICKET_PREFIX", "no spaces", "match"),
        ("TICKET_SLA_MINUTES", '{"pro": 5}', "free"),
    ],
)
def test_a_wrong_value_is_named_with_what_was_expected(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, expected: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError) as caught:
        load_settings(None)
    assert f"{variable}: " in str(caught.value)
    assert expected in str(caught.value)


def test_every_wrong_variable_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKER_CONCURRENCY", "0")
    monkeypatch.setenv("API_PORT", "99999")
    with pytest.raises(SettingsError, match=r"(?s)API_PORT.*WORKER_CONCURRENCY"):
        load_settings(None)


def test_an_unreadable_json_value_is_a_settings_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TICKET_SLA_MINUTES", "{not json")
    with pytest.raises(SettingsError, match="TICKET_SLA_MINUTES: expected JSON"):
        load_settings(None)


def test_production_needs_a_secret_key_and_a_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVIRONMENT", "production")
    with pytest.raises(SettingsError, match="SECRET_KEY: expected at least 32 characters"):
        load_settings(None)
    monkeypatch.setenv("SECRET_KEY", "x" * 32)
    with pytest.raises(SettingsError, match="DATABASE_URL: expected a postgresql:// URL"):
        load_settings(None)


def test_a_wrong_secret_is_not_repeated_in_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "mysql://user:hunter2@host/db")
    with pytest.raises(SettingsError) as caught:
        load_settings(None)
    assert "hunter2" not in str(caught.value)


def test_a_plan_never_promises_less_than_free() -> None:
    ticket = Settings.model_construct().ticket
    assert ticket.promise_minutes([]) == 1440
    assert ticket.promise_minutes(["pro", "unheard of"]) == 480
    assert ticket.promise_minutes(["pro", "enterprise"]) == 60


@pytest.mark.parametrize("document", [".env.example", "docs/settings.md"])
def test_every_variable_is_documented_and_nothing_else_is(document: str) -> None:
    text = (ROOT / document).read_text()
    pattern = r"^#?\s?([A-Z][A-Z_]+)=" if document == ".env.example" else r"^\| `([A-Z][A-Z_]+)`"
    assert set(re.findall(pattern, text, re.MULTILINE)) == list_variables()
