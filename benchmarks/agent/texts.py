"""Texts for a large library: help articles and the questions people would ask of them, put together from word lists."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_VERBS = [
    "archive",
    "assign",
    "attach",
    "cancel",
    "change",
    "compare",
    "connect",
    "copy",
    "delete",
    "disable",
    "download",
    "duplicate",
    "edit",
    "export",
    "filter",
    "find",
    "group",
    "hide",
    "import",
    "install",
    "invite",
    "lock",
    "merge",
    "move",
    "order",
    "pause",
    "print",
    "publish",
    "rename",
    "renew",
    "replace",
    "reset",
    "restore",
    "schedule",
    "share",
    "sort",
    "split",
    "sync",
    "transfer",
    "translate",
    "unlock",
    "update",
    "upload",
    "verify",
]
_THINGS = [
    "account",
    "API key",
    "attachment",
    "automation rule",
    "backup",
    "board",
    "calendar",
    "chart",
    "checklist",
    "comment",
    "contract",
    "custom field",
    "dashboard",
    "delivery address",
    "device",
    "document",
    "e-mail address",
    "folder",
    "form",
    "guest",
    "guide",
    "holiday",
    "integration",
    "invoice",
    "label",
    "licence",
    "meeting",
    "member list",
    "notification",
    "order",
    "password",
    "payment method",
    "permission",
    "phone number",
    "plan",
    "profile picture",
    "project",
    "purchase order",
    "receipt",
    "recurring task",
    "reminder",
    "report",
    "role",
    "sandbox",
    "shipment",
    "shortcut",
    "signature",
    "spreadsheet",
    "subscription",
    "task",
    "team",
    "template",
    "time entry",
    "time zone",
    "warehouse",
    "web hook",
    "widget",
    "workflow",
]
_PLACES = [
    "in the browser",
    "on a phone",
    "on a tablet",
    "in the desktop app",
    "from the command line",
    "in the admin console",
    "for a guest",
    "for a whole team",
    "for one project",
    "behind a proxy",
    "while offline",
    "after a trial",
    "during a migration",
    "with single sign-on",
    "as an owner",
    "as a member",
    "in bulk",
    "over the API",
    "before an audit",
    "at the end of a month",
]
_REASONS = [
    "the change is not shown",
    "a message says that access is denied",
    "the page stays empty",
    "the file is too large",
    "the limit of the plan is reached",
    "a colleague has it open",
    "the link has expired",
    "the card was declined",
    "the connection drops",
    "the browser is too old",
    "the address is misspelt",
    "two entries have the same name",
    "the import stops half-way",
    "the clock is wrong",
    "the app was not updated",
]
_REMEDIES = [
    "wait ten minutes and load the page again",
    "sign out and in again",
    "ask an owner for the right role",
    "clear the cache of the app",
    "choose a smaller file",
    "upgrade the plan",
    "ask the colleague to close it",
    "send the link anew",
    "try another card",
    "switch to another network",
    "install the newest version",
    "correct the address under Settings",
    "rename one of them",
    "split the file and import the parts",
    "let the system set the clock",
]
_SYLLABLES = [
    "ba",
    "cor",
    "da",
    "del",
    "fen",
    "gra",
    "hul",
    "ik",
    "jo",
    "kel",
    "lun",
    "mar",
    "nim",
    "os",
    "pra",
    "qui",
    "rol",
    "sten",
    "tor",
    "ul",
    "vek",
    "wil",
    "xan",
    "yor",
    "zet",
]
_QUESTIONS = (
    "How do I {verb} a {thing} {place}?",
    "I cannot {verb} my {thing}: {reason}. What can I do?",
    "Is it possible to {verb} several {thing}s at once {place}?",
    "Who may {verb} the {thing} of somebody else?",
    "We tried to {verb} a {thing} {place}, but {reason}.",
)


@dataclass(frozen=True, slots=True)
class Piece:
    """A passage in two halves, so that those of different passages can be joined."""

    title: str
    opening: str
    closing: str

    @property
    def text(self) -> str:
        """All of it."""
        return f"{self.title}\n{self.opening} {self.closing}"


def write_pieces(count: int, chance: random.Random) -> list[Piece]:
    """So many passages that differ."""
    return [_write_piece(chance) for _ in range(count)]


def write_questions(count: int, names: Sequence[str], chance: random.Random) -> list[str]:
    """So many questions; every third names something that few passages name."""
    return list(_write_questions(count, names, chance))


def make_names(count: int) -> list[str]:
    """So many different words that no dictionary has, for what products and places are called."""
    base = len(_SYLLABLES)
    return ["".join(_SYLLABLES[n // base**place % base] for place in range(4)) for n in range(base, base + count)]


def _write_piece(chance: random.Random) -> Piece:
    verb, other = chance.sample(_VERBS, 2)
    thing, neighbour = chance.sample(_THINGS, 2)
    place, reason, remedy = chance.choice(_PLACES), chance.choice(_REASONS), chance.choice(_REMEDIES)
    opening = (
        f"To {verb} a {thing} {place}, open Settings, choose {thing.title()}s and press {verb.title()}. "
        f"It takes up to {chance.randrange(2, 60)} minutes, and a {neighbour} that belongs to it is kept."
    )
    closing = (
        f"If {reason}, {remedy}. To {other} it instead, you need the role of an owner; "
        f"up to {chance.randrange(2, 500)} {neighbour}s can be changed at once."
    )
    return Piece(f"How to {verb} a {thing} {place}", opening, closing)


def _write_questions(count: int, names: Sequence[str], chance: random.Random) -> Iterator[str]:
    for number in range(count):
        question = chance.choice(_QUESTIONS).format(
            verb=chance.choice(_VERBS),
            thing=chance.choice(_THINGS),
            place=chance.choice(_PLACES),
            reason=chance.choice(_REASONS),
        )
        yield f"{question} It is about {chance.choice(names).title()}." if number % 3 == 0 else question
