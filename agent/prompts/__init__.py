"""The instructions of the model, versioned by their content."""

from hashlib import sha256
from importlib.resources import files

from database.types import Channel

_MAIL = "formal and complete sentences, short paragraphs, numbered steps where something is to be done."
_STYLES: dict[Channel, str] = {
    "gmail": _MAIL,
    "mailbox": _MAIL,
    "web": "friendly and professional, short paragraphs, numbered steps where something is to be done.",
    "whatsapp": "at most 200 characters, one or two plain sentences.",
}

_TEMPLATE = (files("agent") / "prompts" / "support.md").read_text(encoding="utf-8")
PROMPT_HASH = sha256(_TEMPLATE.encode()).hexdigest()[:12]


def write_instructions(*, company: str, channel: Channel, ticket_ref: str) -> str:
    """The instructions for one turn."""
    return _TEMPLATE.format(company=company, channel=channel, style=_STYLES[channel], ticket_ref=ticket_ref)
