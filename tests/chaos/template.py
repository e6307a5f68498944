"""A process that has imported everything and forks: a worker is ready in milliseconds instead of seconds.

A program of its own, because pytest has event loops and threads, which no fork survives. Commands and reports are
JSON lines on standard input and output. It ends, and every child with it, when its input does.
"""

import asyncio
import json
import os
import selectors
import signal
import sys
import traceback
from typing import Any

from core.logging import configure_logging
from core.settings import LogSettings
from tests.chaos.lives import live
from tests.chaos.orders import Order


def main() -> None:
    """Obey until the end of the input."""
    configure_logging(LogSettings(level="WARNING", format="json"), process="chaos")
    wake, wakened = os.pipe()
    for end in (wake, wakened):
        os.set_blocking(end, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wakened, warn_on_full_buffer=False)
    children: dict[int, int] = {}  # life → pid, as long as it is not reaped, so that no signal meets a stranger
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(sys.stdin.fileno(), selectors.EVENT_READ)
            selector.register(wake, selectors.EVENT_READ)
            _report(ready=True)
            _serve(selector, wake, children)
    finally:
        for pid in children.values():
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _serve(selector: selectors.BaseSelector, wake: int, children: dict[int, int]) -> None:
    unfinished = b""
    while True:
        for key, _ in selector.select():
            if key.fd == wake:
                os.read(wake, 1024)
                _look_after(children)
                continue
            chunk = os.read(key.fd, 65536)
            if not chunk:
                return
            *lines, unfinished = (unfinished + chunk).split(b"\n")
            for line in lines:
                _obey(json.loads(line), children)


def _obey(command: dict[str, Any], children: dict[int, int]) -> None:
    life = command["life"]
    if "order" in command:
        pid = os.fork()
        if pid == 0:
            _be_born(Order.model_validate(command["order"]))
        children[life] = pid
        _report(life=life, pid=pid)
    elif life in children:
        os.kill(children[life], command["signal"])


def _look_after(children: dict[int, int]) -> None:
    for life, pid in list(children.items()):
        reaped, status = os.waitpid(pid, os.WNOHANG | os.WUNTRACED)
        if not reaped:
            continue
        if os.WIFSTOPPED(status):
            _report(life=life, stopped=True)
        else:
            del children[life]
            _report(life=life, ended=os.waitstatus_to_exitcode(status))


def _be_born(order: Order) -> None:
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    try:
        asyncio.run(live(order))
    except BaseException:  # noqa: BLE001  # a child must never return into the template's loop
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _report(**fields: object) -> None:
    os.write(1, json.dumps(fields).encode() + b"\n")


if __name__ == "__main__":
    main()
