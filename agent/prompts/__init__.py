"""The instructions of the model, versioned by their content.

What never changes stands first: a vendor that caches the beginning of a prompt then finds it again in every turn.
"""

from hashlib import sha256
from importlib.resources import files

import yaml
from pydantic import TypeAdapter

from database.types import Channel

NO_REPLY = "NO_REPLY"  # what a brain ends with that finds no answer wanted

_FILES = {
    file.name: file.read_text(encoding="utf-8")
    for file in sorted((files("agent") / "prompts").iterdir(), key=lambda file: file.name)
    if file.name.endswith((".md", ".yaml"))
}
_STYLES = TypeAdapter(dict[Channel, str]).validate_python(yaml.safe_load(_FILES["styles.yaml"]))
PROMPT_TEXT = "\n".join(_FILES.values())
PROMPT_HASH = sha256(repr(_FILES).encode()).hexdigest()[:12]
SUMMARY_INSTRUCTIONS = _FILES["summary.md"]


def write_instructions(*, company: str, channel: Channel, ticket_ref: str, language: str) -> str:
    """The instructions for one turn: the part that is the same for the whole deployment, then what is this turn's.

    `language` is the name of the one that the customer reads.
    """
    this_turn = _FILES["turn.md"].format(
        channel=channel, style=_STYLES[channel], ticket_ref=ticket_ref, language=language
    )
    return f"{write_static_instructions(company)}\n{this_turn}"


def write_static_instructions(company: str) -> str:
    """What all turns of a deployment share, byte for byte."""
    return _FILES["support.md"].format(company=company)
