"""Logs: one shape, ids bound around the work, and nothing that belongs to a customer or opens a door."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from structlog.testing import capture_logs

from core.logging import RareLog, bind_log_context, configure_logging, get_logger
from core.settings import LogSettings


@pytest.fixture(autouse=True)
def restore_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, ours = root.handlers[:], root.level, structlog.get_config()
    yield
    root.handlers, root.level = handlers, level
    structlog.configure(**ours)


def fail_with_a_secret() -> None:
    api_key = "nd_secret" + "_in_a_local_variable"
    raise RuntimeError(f"broken {len(api_key)}")


@pytest.mark.parametrize("style", ["json", "console"])
def test_a_traceback_never_shows_the_values_of_variables(style: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogSettings.model_validate({"format": style}), process="test")
    try:
        fail_with_a_secret()
    except RuntimeError:
        get_logger("test").exception("it broke")
    said = capsys.readouterr().err
    assert "RuntimeError" in said
    assert "fail_with_a_secret" in said
    assert "nd_secret_in_a_local_variable" not in said


def test_every_line_within_a_context_carries_its_ids_also_of_other_libraries(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging(LogSettings(format="json"), process="worker")
    with bind_log_context(message_id="m-1"):
        get_logger("ours").info("claimed", seq=3)
        logging.getLogger("theirs").warning("careful")
    get_logger("ours").info("afterwards")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line.get("message_id") for line in lines] == ["m-1", "m-1", None]
    assert {line["process"] for line in lines} == {"worker"}
    assert lines[0]["seq"] == 3


def test_libraries_that_log_requests_are_silenced(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogSettings(format="json", level="INFO"), process="test")
    logging.getLogger("httpx").info("GET /support/ticket/TF?token=abc")
    logging.getLogger("uvicorn.access").info("GET /support/ticket/TF?token=abc")
    assert capsys.readouterr().err == ""


def test_what_fails_a_thousand_times_is_said_once_in_a_while_with_how_often_it_was_held_back() -> None:
    now = 0.0
    with capture_logs() as logs:
        rare = RareLog(get_logger("test"), seconds=30, monotonic=lambda: now)
        for _ in range(1000):
            rare.warning("database not available", error="OSError")
        rare.warning("something else")
        now = 31.0
        rare.warning("database not available", error="OSError")
    assert [(line["event"], line.get("held_back")) for line in logs] == [
        ("database not available", None),
        ("something else", None),
        ("database not available", 999),
    ]


def fail_over_a_customer() -> None:
    raise RuntimeError("@".join(("ada", "example" + ".com")) + " and 4111 1111 1111" + " 1111")


class Refused(Exception):
    def __repr__(self) -> str:
        return f"Refused({self.args[0]!r})"


@pytest.mark.parametrize("style", ["json", "console"])
def test_addresses_and_numbers_leave_no_process_in_its_logs(style: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogSettings.model_validate({"format": style}), process="worker")
    log = get_logger("ours")
    with bind_log_context(contact="ada@example.com"):
        log.warning("refused by ada@example.com", error="550 ada@example.com", to=["+49 170 1234567"])
    log.info("nested", detail={"people": [{"address": "ada@example.com", "seen": 3}]}, cause=Refused("ada@example.com"))
    logging.getLogger("theirs").warning("no mailbox for %s", "ada@example.com")
    try:
        fail_over_a_customer()
    except RuntimeError:
        log.exception("it broke")
        logging.getLogger("theirs").exception("theirs too")
    said = capsys.readouterr().err
    assert said.count("RuntimeError") >= 2
    assert said.count("[address]") >= 8
    for personal in ("ada@", "example.com", "1234567", "4111"):
        assert personal not in said


def test_what_tells_lines_apart_stays(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogSettings(format="json"), process="worker")
    facts = {
        "inbox": "support@harborline.example",
        "channel": "gmail",
        "thread_id": "01996d3e-7c1a-7b3f-8d2e-1f2a3b4c5d6e",
        "ticket_ref": "TF-20261121-0001",
        "since": "2026-11-21T09:30:00.123456+00:00",
        "milliseconds": 1234567.8,
        "rows": 12345678901,
    }
    get_logger("ours").info("told apart", **facts)
    line = json.loads(capsys.readouterr().err)
    assert {name: line[name] for name in facts} == facts
    assert line["timestamp"].startswith("20")
