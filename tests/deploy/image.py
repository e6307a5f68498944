"""The image without an engine: its steps carried out in a folder, and its commands run as a container would run them.

As root, a command gets namespaces of its own: every file system is read-only but for two folders, tini is process 1,
and it runs as the image's user. Otherwise it runs as whoever runs the tests.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.deploy.context import ROOT, copy_context
from tests.deploy.dockerfile import Stage, read_dockerfile

# The interpreter may live in root's home: the image's user may read that, and write no more than anybody.
_CONTAIN = """
mount --make-rprivate /
for path in "$DATA_DIR" "$TMPDIR"; do mount --bind "$path" "$path"; done
while read -r _ path _; do
  case "$path" in "$DATA_DIR"|"$TMPDIR") ;; *) mount -o remount,bind,ro "$path" 2>/dev/null || : ;; esac
done < /proc/self/mounts
exec setpriv --reuid "${USER%:*}" --regid "${USER#*:}" --clear-groups --no-new-privs \\
  --bounding-set -all,+dac_read_search --inh-caps -all,+dac_read_search --ambient-caps -all,+dac_read_search -- "$@"
"""
_NAMESPACES = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--")


@dataclass(frozen=True, slots=True)
class Running:
    """A command of the image that was started."""

    process: Process
    log: Path

    def stop(self) -> None:
        """SIGTERM to process 1 of its container."""
        pid = self.process.pid
        if can_contain():
            pid = int(Path(f"/proc/{pid}/task/{pid}/children").read_text())
        os.kill(pid, signal.SIGTERM)

    async def finish(self) -> str:
        """What it has said until its good end."""
        code = await self.process.wait()
        said = self.log.read_text()
        assert code == 0, said
        return said


@dataclass(frozen=True, slots=True)
class Image:
    """What stands in the image's /opt/nightdesk, and the stage that says how it is run."""

    folder: Path
    runtime: Stage

    @property
    def packages(self) -> Path:
        """Where the wheel was installed."""
        return Path(sysconfig.get_path("purelib", vars={"base": str(self.folder)}))

    @property
    def entrypoint(self) -> list[str]:
        """What every command is put behind; without tini where this machine has none."""
        tini, separator, desk = self.runtime.last("ENTRYPOINT").argv
        whole = [str(self.folder / "bin" / desk)]
        return [tini, separator, *whole] if shutil.which(tini) else whole

    @asynccontextmanager
    async def run(self, argv: list[str], home: Path, **variables: str) -> AsyncIterator[Running]:
        """A command of the image, in the image's environment and these variables, writing below `home` alone."""
        environment = self._make_environment(home) | variables
        with (home / "log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *contain(argv), env=environment, cwd=home, stdin=DEVNULL, stdout=log, stderr=log
            )
        try:
            yield Running(process, home / "log")
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    def _make_environment(self, home: Path) -> dict[str, str]:
        set_by_image = dict(word.split("=", 1) for env in self.runtime.all("ENV") for word in env.words)
        places = {"DATA_DIR": home / "data", "TMPDIR": home / "tmp"}
        for place in places.values():
            place.mkdir(parents=True)
            place.chmod(0o777)
        return {
            **set_by_image,
            **{name: str(place) for name, place in places.items()},
            "HOME": str(home / "data"),
            "PATH": f"{self.folder}/bin:{os.environ['PATH']}",
            "API_HOST": "127.0.0.1",  # of the machine of the tests nothing else is opened
            "USER": self.runtime.last("USER").text,
        }


def build_image(folder: Path) -> Image:
    """Carry out the image's steps, but take the packages of others from the environment of the tests."""
    context, wheels, venv = folder / "build", folder / "wheel", folder / "nightdesk"
    copy_context(context)
    pip = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
    run([*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(wheels), "."], cwd=context)
    run([sys.executable, "-m", "venv", "--without-pip", str(venv)])
    [wheel] = wheels.iterdir()
    run([*pip, "--python", str(venv / "bin" / "python"), "install", "--no-deps", "--no-index", str(wheel)])
    image = Image(venv, read_dockerfile((ROOT / "Dockerfile").read_text())[-1])
    # Its own .pth files are not read this way, so that nothing of the repository is found but what was installed.
    (image.packages / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return image


def run(command: list[str], cwd: Path | None = None) -> str:
    """What it says; it must succeed."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=180)
    assert done.returncode == 0, done.stderr
    return done.stdout


def contain(command: list[str]) -> list[str]:
    """The command that runs this one contained, where the machine allows it."""
    return [*_NAMESPACES, "sh", "-c", _CONTAIN, "sh", *command] if can_contain() else command


@cache
def can_contain() -> bool:
    """Whether these tests may make namespaces."""
    if os.geteuid() != 0 or not all(map(shutil.which, ("unshare", "setpriv"))):
        return False
    return subprocess.run([*_NAMESPACES, "true"], capture_output=True, check=False).returncode == 0
