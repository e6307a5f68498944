"""Whether each configured channel works at its vendor."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from channels.base import ChannelKit
from channels.registry import BUILDERS
from cli.doctor.checks import Check, at_once
from core.findings import Finding
from core.settings import Settings

_AREA = "Channels"


def plan_channels(settings: Settings) -> Iterator[Check]:
    """A question to each vendor. One that is configured in part is a finding, and the others are asked."""
    checks = [check for name, build in BUILDERS.items() for check in _plan_channel(name, build, settings)]
    if not checks:
        checks = [Check(_AREA, "web", at_once(lambda: Finding.ok("the web form alone; docs/channels adds others")))]
    yield from checks


def _plan_channel(name: str, build: Callable[[Settings], ChannelKit], settings: Settings) -> Iterator[Check]:
    try:
        examiners = build(settings).examiners
    except Exception as error:  # noqa: BLE001  # whatever it is, it is told in its place
        yield Check(_AREA, name, partial(_fail, error))
        return
    for examiner in examiners:
        yield Check(_AREA, examiner.name, examiner.examine, examiner.reached_by)


async def _fail(error: Exception) -> Sequence[Finding]:
    raise error
