"""Numbers are computed in their caller's thread."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.threads import compute_in_one_thread

_ROOT = Path(__file__).parents[2]


def test_one_thread_is_the_default_and_the_operator_may_ask_for_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    monkeypatch.setenv("MKL_NUM_THREADS", "")
    compute_in_one_thread()
    assert (os.environ["OPENBLAS_NUM_THREADS"], os.environ["OMP_NUM_THREADS"]) == ("1", "4")


def test_the_worker_says_so_before_numpy_is_there_to_be_told_too_late() -> None:
    said = """
import os, sys
from cli import main, serve

assert "numpy" not in sys.modules, "imported with the commands"

class Finder:
    def find_spec(self, name, *_):
        if name == "numpy":
            print(os.environ.get("OPENBLAS_NUM_THREADS"))
            sys.stdout.flush()
            os._exit(0)

sys.meta_path.insert(0, Finder())
serve.run_worker()
"""
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    done = subprocess.run(
        [sys.executable, "-c", said], cwd=_ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["1"], done.stderr
