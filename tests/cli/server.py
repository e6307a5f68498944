"""A process that has imported everything of ours and forks one that is `nightdesk` for every order it reads.

Importing takes longer than most commands. A program of its own, because pytest has event loops and threads, which no
fork survives. Orders are JSON lines on standard input, exit codes lines on standard output. It ends with its input.
"""

import importlib
import json
import os
import pkgutil
import signal
import sys
import traceback

import agent
import cli
import database
import workers
from cli.main import main

COMMAND_SECONDS = 180


def serve() -> None:
    """Run one command after the other, each in a fork."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            be_command(line)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201


def be_command(line: str) -> None:
    """Do what the order says and end this process, which also ends if the command does not."""
    signal.alarm(COMMAND_SECONDS)
    code = 1
    try:
        become(line)
        main()
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:  # noqa: BLE001  # a child must never return into its parent's loop
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        # Not by the ordinary end: onnxruntime waits there for a thread that it began in the parent.
        os._exit(code)


def become(line: str) -> None:
    """Take the environment, the folder, the arguments and the files of the order."""
    order = json.loads(line)
    os.environ.clear()
    os.environ.update(order["environment"])
    os.chdir(order["folder"])
    sys.argv = ["nightdesk", *order["arguments"]]
    os.dup2(os.open(order["stdin"], os.O_RDONLY), 0)
    for number, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(order[name], os.O_WRONLY | os.O_CREAT, 0o600), number)


if __name__ == "__main__":
    for package in (agent, cli, database, workers):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    serve()
