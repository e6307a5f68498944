"""Whether each configured channel works at its vendor."""

from collections.abc import Iterator

from channels.registry import BUILDERS
from cli.doctor.checks import Check, at_once
from core.errors import OperatorError
from core.findings import Finding
from core.settings import Settings

_AREA = "Channels"


def plan_channels(settings: Settings) -> Iterator[Check]:
    """A question to each vendor. One that is configured in part is a finding, and the others are asked."""
    is_any = False
    for name, build in BUILDERS.items():
        try:
            examiners = build(settings).examiners
        except OperatorError as error:
            finding = Finding.problem(str(error), "Set it, or remove the channel's other settings.")
            yield Check(_AREA, name, at_once(lambda finding=finding: finding))  # type: ignore[misc]  # bound early
            is_any = True
            continue
        for examiner in examiners:
            yield Check(_AREA, examiner.name, examiner.examine, examiner.reached_by)
            is_any = True
    if not is_any:
        yield Check(_AREA, "web", at_once(lambda: Finding.ok("the web form alone; docs/channels.md adds others")))
