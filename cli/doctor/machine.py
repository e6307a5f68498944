"""This machine: its clock and its disk."""

import asyncio
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial

import httpx

from cli.doctor.checks import QUESTION_SECONDS, Check, at_once
from core.clock import Clock
from core.findings import Finding
from core.settings import Settings

_AREA = "Machine"
# Google's pushes are refused when their times are further off (`channels/gmail/push.py`); nothing else is as strict.
MAX_SKEW = timedelta(seconds=10)
SET_CLOCK = "Run `timedatectl set-ntp true`, or what keeps the clock right on your system."
# What the embedded server's write-ahead log may take (max_wal_size); a database whose disk is full stops.
_LEAST_FREE = 2**30
_ENOUGH_FREE = 5 * _LEAST_FREE


def plan_machine(settings: Settings, clock: Clock) -> Iterator[Check]:
    """The disk, and the clock against that of whichever vendor is asked anyway."""
    yield Check(_AREA, "Disk", at_once(partial(_judge_disk, settings)))
    vendors = _list_vendors(settings)
    if vendors:

        async def look() -> Sequence[Finding]:
            return [await _compare_clocks(vendors, clock)]

        yield Check(_AREA, "Clock", look)


def judge_skew(ours: datetime, theirs: datetime, *, whose: str) -> Finding:
    """How far apart two readings of the same moment are."""
    skew = ours - theirs
    if abs(skew) > MAX_SKEW:
        direction = "ahead of" if skew > timedelta(0) else "behind"
        return Finding.problem(f"{abs(skew).total_seconds():.0f} s {direction} {whose}", SET_CLOCK)
    return Finding.ok(f"agrees with {whose}")


def format_bytes(count: int) -> str:
    """In the unit that people would use."""
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"


def _judge_disk(settings: Settings) -> Finding:
    folder = settings.data_dir.resolve()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < _LEAST_FREE:
        return Finding.problem(
            f"{format_bytes(free)} free for DATA_DIR", f"Free space below {folder}, or move DATA_DIR."
        )
    if free < _ENOUGH_FREE:
        return Finding.advice(
            f"{format_bytes(free)} free for DATA_DIR", f"Free space below {folder}, or move DATA_DIR."
        )
    return Finding.ok(f"{format_bytes(free)} free for DATA_DIR")


def _list_vendors(settings: Settings) -> list[str]:
    """Addresses of the vendors that this desk uses."""
    openai = settings.openai
    used = {
        settings.gmail.api_url: settings.gmail.address,
        settings.twilio.api_url: settings.twilio.account_sid,
        settings.meta.api_url: settings.meta.phone_number_id,
        openai.base_url or "https://api.openai.com": openai.api_key,
    }
    return [url for url, name in used.items() if name is not None]


async def _compare_clocks(vendors: Sequence[str], clock: Clock) -> Finding:
    async with httpx.AsyncClient(timeout=QUESTION_SECONDS) as client:
        times = await asyncio.gather(*(_ask_time(client, url, clock) for url in vendors))
    for url, answer in zip(vendors, times, strict=True):
        if answer is not None:
            ours, theirs = answer
            return judge_skew(ours, theirs, whose=f"the clock of {httpx.URL(url).host}")
    return Finding.advice("no vendor told the time", "Compare the clock of this machine with a clock that is right.")


async def _ask_time(client: httpx.AsyncClient, url: str, clock: Clock) -> tuple[datetime, datetime] | None:
    """Our time and theirs, in the middle of a question. No credentials go along: a refusal tells the time as well."""
    with suppress(httpx.HTTPError, LookupError, TypeError, ValueError):
        asked = clock()
        response = await client.head(url)
        theirs = parsedate_to_datetime(response.headers["date"])
        return asked + (clock() - asked) / 2, theirs.astimezone(UTC)
    return None
