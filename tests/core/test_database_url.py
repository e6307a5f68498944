"""URLs of databases: one server or several, and errors that say what was expected and nothing of the password."""

import pytest
from pydantic import TypeAdapter, ValidationError

from core.database_url import PrimaryUrl, ServerUrl, names_attributes, split_hosts

SECRET = "hunter2"


@pytest.mark.parametrize(
    ("url", "each"),
    [
        ("postgresql://u:p@a/desk", ["postgresql://u:p@a/desk"]),
        (
            "postgresql://u:p@a:5432,b:5433/desk?sslmode=require",
            ["postgresql://u:p@a:5432/desk?sslmode=require", "postgresql://u:p@b:5433/desk?sslmode=require"],
        ),
        ("postgresql://[::1]:5432,[fd00::2]/desk", ["postgresql://[::1]:5432/desk", "postgresql://[fd00::2]/desk"]),
        (
            "postgresql://u@%2Frun%2Fa,%2Frun%2Fb/desk",
            ["postgresql://u@%2Frun%2Fa/desk", "postgresql://u@%2Frun%2Fb/desk"],
        ),
        ("postgresql://u:a,b@c/desk", ["postgresql://u:a,b@c/desk"]),
        (
            "postgresql:///desk?user=u&host=/run/a,/run/b",
            ["postgresql:///desk?user=u&host=%2Frun%2Fa", "postgresql:///desk?user=u&host=%2Frun%2Fb"],
        ),
        (
            "postgresql://u@/desk?host=a,b&port=5432,5433",
            ["postgresql://u@/desk?host=a&port=5432", "postgresql://u@/desk?host=b&port=5433"],
        ),
        (
            "postgresql://u@/desk?host=a,b&port=5433",
            ["postgresql://u@/desk?host=a&port=5433", "postgresql://u@/desk?host=b&port=5433"],
        ),
        ("postgresql:///desk", ["postgresql:///desk"]),
    ],
)
def test_each_host_has_a_url_of_its_own(url: str, each: list[str]) -> None:
    assert split_hosts(url) == each
    assert TypeAdapter(PrimaryUrl).validate_python(url) == url


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (f"mysql://u:{SECRET}@a/desk", "postgresql://"),
        (f"postgresql://u:{SECRET}@a,,b/desk", "expected hosts"),
        (f"postgresql://u:{SECRET}@a,/desk", "expected hosts"),
        (f"postgresql://u:{SECRET}@a:{SECRET}/desk", "ports up to 65535"),
        (f"postgresql://u:{SECRET}@a:65536/desk", "ports up to 65535"),
        (f"postgresql://u:{SECRET}@[::1/desk", "expected hosts"),
        (f"postgresql://u:[{SECRET}]@a/desk", "percent-encoded"),
        (f"postgresql://u:{SECRET}#@a/desk", "percent-encoded"),
        (f"postgresql://u:{SECRET}/@a/desk", "percent-encoded"),
        (f"postgresql://u:{SECRET}@@a/desk", "%40"),
        (f"postgresql://u:{SECRET}@/desk?host=a,b&port=1,2,3", "as many ports as hosts"),
        (f"postgresql://u:{SECRET}@/desk?host=a&port={SECRET}", "ports up to 65535"),
        (f"postgresql://u:{SECRET}@/desk?host=,b", "expected hosts"),
        (f"postgresql://u:{SECRET}@a/desk?sslmode", "name=value"),
        (f"postgresql://u:{SECRET}@a/desk?channel_binding=require", "channel_binding is not known"),
        (f"postgresql://u:{SECRET}@a,b/desk?target_session_attrs=standby", "read-write, primary or any"),
    ],
)
def test_a_wrong_url_is_refused_with_what_was_expected(url: str, expected: str) -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(PrimaryUrl).validate_python(url)
    [error] = caught.value.errors(include_input=False)
    assert expected in error["msg"]
    assert SECRET not in error["msg"]


def test_a_replica_may_be_asked_for_and_a_server_that_does_not_exist_may_not() -> None:
    url = "postgresql://u@a,b/desk?target_session_attrs="
    assert TypeAdapter(ServerUrl).validate_python(f"{url}prefer-standby")
    with pytest.raises(ValidationError, match="prefer-standby or read-only"):
        TypeAdapter(ServerUrl).validate_python(f"{url}spare")


def test_who_names_the_attributes_is_not_told_them() -> None:
    assert names_attributes("postgresql://a,b/desk?target_session_attrs=any")
    assert not names_attributes("postgresql://a,b/desk?sslmode=require")
