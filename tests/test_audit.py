"""The audit says what it has looked up, and never calls clean what it could not."""

import json
from typing import Any

import pytest

from tests.audit import Finding, read_npm_audit, read_pip_audit

CLEAN: dict[str, Any] = {"name": "anyio", "version": "4.16.0", "vulns": []}
HOLE: dict[str, Any] = {"name": "old", "version": "1.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["1.1"]}]}
SKIPPED = {"name": "private", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("packages", "code", "said"),
    [
        ([CLEAN], 0, "1 packages looked up, 0 holes"),
        ([CLEAN, HOLE], 1, "old 1.0: PYSEC-1, mended in ["),
        ([CLEAN, SKIPPED], 2, "1 packages looked up, 0 holes; COULD NOT CHECK 1: not found"),
        ([HOLE, SKIPPED], 1, "COULD NOT CHECK 1"),
    ],
)
def test_pip_audit_is_read(packages: list[dict[str, Any]], code: int, said: str) -> None:
    finding = read_pip_audit("requirements.txt", json.dumps({"dependencies": packages}))
    assert finding.code == code
    assert said in finding.describe()


def test_npm_audit_is_read() -> None:
    answer: dict[str, Any] = {"vulnerabilities": {}, "metadata": {"dependencies": {"total": 300}}}
    assert read_npm_audit("lock", json.dumps(answer)) == Finding("lock", 300)
    answer["vulnerabilities"] = {"left": {"severity": "high", "range": "<2"}}
    assert read_npm_audit("lock", json.dumps(answer)).code == 1


@pytest.mark.parametrize("output", ["", "no JSON", "[]", '{"message": "405 Method Not Allowed", "error": {}}'])
def test_no_answer_is_not_clean(output: str) -> None:
    for finding in (read_pip_audit("lock", output), read_npm_audit("lock", output)):
        assert finding.code == 2
        assert "COULD NOT CHECK" in finding.describe()
