"""Reading a document in a process of its own: a file that somebody sends may be made to hang or to fill the memory.

The process gets nothing but the file and its name, no settings and no secrets, and ends with it.
"""

import asyncio
import os
import resource
import sys
from pathlib import PurePosixPath

from pydantic import BaseModel

from agent.knowledge.documents import Document, DocumentError, read_content
from database.storable import make_storable

MAX_CHARACTERS = 2_000_000  # of text; the sample knowledge has 60,000 in all
_MEMORY_BYTES = 1024 * 2**20
_CPU_SECONDS = 30
_WAIT_SECONDS = 120.0
_NOT_READ = "it cannot be read: reading it took too much time or memory"


class Reading(BaseModel):
    """What the process says: the document, or why there is none."""

    document: Document | None = None
    problem: str | None = None


async def read_apart(name: str, content: bytes) -> Document:
    """Read a file of this name. Raises DocumentError, for a person, also where it breaks the reader."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", __name__, name),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,  # it may quote the file
        env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONUTF8": "1"},
    )
    try:
        async with asyncio.timeout(_WAIT_SECONDS):
            said, _ = await process.communicate(content)
    except TimeoutError:
        raise DocumentError(f"{name}: {_NOT_READ}") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise DocumentError(f"{name}: {_NOT_READ}")
    reading = Reading.model_validate_json(said)
    if reading.document is None:
        raise DocumentError(reading.problem or f"{name}: {_NOT_READ}")
    return reading.document


def read_bounded(name: str, content: bytes) -> Reading:
    """Read a file whatever it does to its reader, short of ending the process."""
    try:
        document = make_storable(read_content(PurePosixPath(name), content))
    except DocumentError as error:
        return Reading(problem=str(error))
    except Exception as error:  # noqa: BLE001  # readers break in as many ways as files are damaged
        return Reading(problem=f"{name}: cannot be read ({type(error).__name__})")
    if sum(len(section.text) for section in document.sections) > MAX_CHARACTERS:
        return Reading(problem=f"{name}: has more than {MAX_CHARACTERS:,} characters; divide it into several files")
    return Reading(document=document)


def main() -> None:
    """Read standard input as the file named by the argument; the result goes to standard output as JSON."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    sys.stdout.write(read_bounded(sys.argv[1], sys.stdin.buffer.read()).model_dump_json())


if __name__ == "__main__":
    main()
