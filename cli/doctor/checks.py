"""Checks: each is made by itself, within its time, and none hides another."""

import asyncio
import re
import traceback
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from channels.base import VendorAway
from core.errors import OperatorError
from core.findings import Finding
from database.pool import DATABASE_ERRORS, Conn, DbPool

# A healthy vendor answers in less than one; people wait for the slowest of all.
QUESTION_SECONDS = 5.0

Look = Callable[[], Awaitable[Sequence[Finding]]]

# Our own keys are found by their values; a vendor may quote one that it gave out itself.
_TOKEN = re.compile(r"[A-Za-z0-9_\-]{25,}")
_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing to look at, under the heading `area`. `culprits` is where to look if nobody answers."""

    area: str
    subject: str
    look: Look
    culprits: str = "the network"


@dataclass(frozen=True, slots=True)
class Result:
    """What was found of which subject."""

    area: str
    subject: str
    finding: Finding


def at_once(judge: Callable[[], Finding]) -> Look:
    """For what can be told without waiting for anybody."""

    async def look() -> Sequence[Finding]:
        return [judge()]

    return look


def ask(pool: DbPool, look_into: Callable[[Conn], Awaitable[Sequence[Finding]]]) -> Look:
    """For what the database knows. On a connection of its own."""

    async def look() -> Sequence[Finding]:
        async with pool.acquire() as conn:
            return await look_into(conn)

    return look


def tell_refusal(error: Exception) -> str:
    """In one line, how a server did not let us in."""
    return f"cannot be used: {' '.join(f'{type(error).__name__}: {error}'.split()).rstrip(':')}"


async def run_check(check: Check, *, seconds: float = QUESTION_SECONDS) -> list[Result]:
    """What a check finds. That it fails is a finding, too."""
    return [Result(check.area, check.subject, finding) for finding in await _look(check, seconds)]


async def _look(check: Check, seconds: float) -> Sequence[Finding]:
    later = f"Run `nightdesk doctor` again in a minute; if this stays, check {check.culprits}."
    try:
        async with asyncio.timeout(seconds):
            return await check.look()
    except VendorAway as error:
        return [Finding.problem(_TOKEN.sub("…", str(error)), later)]
    except OperatorError as error:
        return [
            Finding.problem(
                str(error), "Set what is named here, or remove what needs it; docs/settings.md lists every setting."
            )
        ]
    except TimeoutError:
        return [Finding.problem(f"no answer within {seconds:g} seconds", later)]
    except DATABASE_ERRORS as error:
        return [Finding.problem(f"the question failed: {type(error).__name__}", later)]
    except Exception as error:  # noqa: BLE001  # a mistake in one check must not hide what the others find
        # Not its text, which may quote anything.
        remedy = "Report this as a bug of Nightdesk; the other findings hold."
        return [Finding.problem(f"the check failed: {type(error).__name__} at {_find_place(error)}", remedy)]


def _find_place(error: Exception) -> str:
    """File and line of ours where it began."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(_ROOT)]
    last = (ours or frames)[-1]
    return f"{Path(last.filename).name}:{last.lineno}"
