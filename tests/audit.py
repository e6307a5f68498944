"""`python -m tests.audit`: whether anything that is locked has a known hole.

Exit 0: everything was looked up and nothing is known. 1: there are holes. 2: something could not be looked up, which is
not the same as clean.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
LOCKS = ("requirements.txt", "requirements-dev.txt", "requirements-bench.txt")
WEB = ROOT / "web"
SECONDS = 300
# Where npm comes with the environment, it stands beside its Python.
NPM = shutil.which("npm") or str(Path(sys.executable).with_name("npm"))


@dataclass(frozen=True, slots=True)
class Finding:
    """What is known of one lock file: how many packages were looked up, how many were not and why, and the holes."""

    lock: str
    checked: int = 0
    unchecked: int = 0
    reason: str = ""
    holes: Sequence[str] = ()

    @property
    def code(self) -> int:
        """What to exit with."""
        return 1 if self.holes else 2 if self.unchecked or self.reason else 0

    def describe(self) -> str:
        """One line, and one for each hole."""
        said = f"{self.lock}: {self.checked} packages looked up, {len(self.holes)} holes"
        if self.unchecked or self.reason:
            said += f"; COULD NOT CHECK {self.unchecked or 'them'}: {self.reason}"
        return "\n".join([said, *(f"  {hole}" for hole in self.holes)])


def read_pip_audit(lock: str, output: str) -> Finding:
    """What pip-audit says in JSON. Without any, its service was not reached."""
    try:
        packages = json.loads(output)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return Finding(lock, reason="pip-audit gave no answer")
    skipped = [package["skip_reason"] for package in packages if "skip_reason" in package]
    holes = [
        f"{package['name']} {package['version']}: {hole['id']}, mended in {hole['fix_versions'] or 'nothing'}"
        for package in packages
        for hole in package.get("vulns", ())
    ]
    return Finding(lock, len(packages) - len(skipped), len(skipped), skipped[0] if skipped else "", tuple(holes))


def read_npm_audit(lock: str, output: str) -> Finding:
    """What npm audit says in JSON."""
    try:
        answer: Mapping[str, Any] = json.loads(output)
        total = int(answer["metadata"]["dependencies"]["total"])
        holes = [f"{name}: {hole['severity']}, {hole['range']}" for name, hole in answer["vulnerabilities"].items()]
    except (ValueError, KeyError, TypeError):
        return Finding(lock, reason="npm's advisories gave no answer")
    return Finding(lock, total, holes=tuple(holes))


def audit_python(lock: str) -> Finding:
    """Look up what one lock file pins."""
    command = [sys.executable, "-m", "pip_audit", "-r", lock, "--disable-pip", "--no-deps", "-f", "json"]
    return read_pip_audit(lock, _run(command, ROOT))


def audit_web() -> Finding:
    """Look up what the web pages are built from."""
    return read_npm_audit("web/package-lock.json", _run([NPM, "audit", "--json", "--package-lock-only"], WEB))


def main() -> int:
    """Look everything up and say what came of it."""
    findings = [*map(audit_python, LOCKS), audit_web()]
    for finding in findings:
        sys.stdout.write(finding.describe() + "\n")
    codes = {finding.code for finding in findings}
    return 1 if 1 in codes else max(codes)


def _run(command: Sequence[str], directory: Path) -> str:
    try:
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
