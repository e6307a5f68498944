"""The processes of `nightdesk up`: begun, replaced when they die, stopped in order."""

import ctypes
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from cli.context import CommandError
from core.stopping import STOP_SECONDS

_PR_SET_PDEATHSIG = 1
_OPERATORS_ERROR = 2  # a setting or a port: trying again cannot help, and the child has said what can
_PAUSES = (0.0, 1.0, 2.0, 5.0, 10.0, 30.0)
_SOUND_SECONDS = 60.0  # a child that has lived for so long did not die of how it was started
# A little more than a child takes for it by itself, whatever hangs.
_KILL_SECONDS = STOP_SECONDS + 3.0

Start = Callable[[], subprocess.Popen[bytes]]


@dataclass(slots=True)
class Child:
    """One process, or the place of one that has died and will be replaced at `due`."""

    name: str
    start: Start
    popen: subprocess.Popen[bytes]
    started_at: float
    deaths: int = 0  # in a row
    due: float | None = None


class Children:
    """Those of one desk. `say` tells its operator what happens to them."""

    def __init__(self, say: Callable[[str], None], *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._say = say
        self._monotonic = monotonic
        self._children: list[Child] = []

    def add(self, name: str, start: Start) -> None:
        """Begin a process; `start` is called again for each replacement."""
        self._children.append(Child(name, start, start(), self._monotonic()))

    def require_running(self) -> None:
        """Raise CommandError if one has ended."""
        for child in self._children:
            if (code := child.popen.poll()) is not None:
                raise CommandError(f"the {child.name} process ended with code {code}; see the log above")

    def replace_dead(self) -> None:
        """Replace whoever has died: the first time at once, then after longer and longer pauses.

        Raises CommandError for one that ended with an error which only the operator can mend.
        """
        for child in self._children:
            if child.due is None and (code := child.popen.poll()) is not None:
                self._note_death(child, code)
            if child.due is not None and self._monotonic() >= child.due:
                child.popen, child.started_at, child.due = child.start(), self._monotonic(), None

    def stop(self) -> None:
        """Ask all of them to end, and wait; whoever does not is killed, which loses nothing."""
        for child in self._children:
            if child.popen.poll() is None:
                child.popen.terminate()
        deadline = self._monotonic() + _KILL_SECONDS
        for child in self._children:
            try:
                child.popen.wait(max(0.0, deadline - self._monotonic()))
            except subprocess.TimeoutExpired:
                # What it held comes back when its lease ends.
                child.popen.kill()
                child.popen.wait()

    def _note_death(self, child: Child, code: int) -> None:
        if code == _OPERATORS_ERROR:
            raise CommandError(f"the {child.name} process ended with code {code}; see the log above")
        now = self._monotonic()
        child.deaths = 1 if now - child.started_at >= _SOUND_SECONDS else child.deaths + 1
        pause = _PAUSES[min(child.deaths, len(_PAUSES)) - 1]
        child.due = now + pause
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        self._say(f"The {child.name} process {how}; another one starts {f'in {pause:g} s' if pause else 'now'}.")


def start_process(name: str, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """`nightdesk <name>` as a child of this process."""
    # A session of its own: Ctrl-C reaches this process alone, which then stops the others in order.
    return subprocess.Popen(
        [sys.executable, "-m", "cli.main", name],
        env=environment,
        start_new_session=True,
        preexec_fn=_stop_with_parent,  # noqa: PLW1509  # this process has no threads while it starts children
    )


def _stop_with_parent() -> None:
    """Ask the kernel to end this child when its parent is killed outright, so that no port stays taken."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
