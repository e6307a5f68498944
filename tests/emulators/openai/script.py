"""What the emulated model says, step by step: a test writes a script, each request takes the next step of it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Call:
    """A call of one tool. A text as `arguments` goes out as it is, so that it may be no JSON."""

    name: str
    arguments: Mapping[str, Any] | str = field(default_factory=dict)
    id: str = ""

    @property
    def raw_arguments(self) -> str:
        """As a model writes them."""
        return self.arguments if isinstance(self.arguments, str) else json.dumps(self.arguments)


@dataclass(frozen=True, slots=True)
class Say:
    """An answer: a text, calls of tools, both or neither. `is_cut` says that the output limit ended it."""

    text: str = ""
    calls: tuple[Call, ...] = ()
    refusal: str = ""
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class Fail:
    """An answer with this status. `code` is OpenAI's, such as insufficient_quota; a `body` replaces the usual JSON."""

    status: int
    code: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None


@dataclass(frozen=True, slots=True)
class Hang:
    """No answer until the client hangs up."""


@dataclass(frozen=True, slots=True)
class Drop:
    """The line is cut in the middle of the answer."""


Step = Say | Fail | Hang | Drop
HTML = Fail(200, body="<html><body>Please sign in to the network</body></html>", headers={"content-type": "text/html"})
NO_MONEY = Fail(429, "insufficient_quota")


def call(name: str, arguments: Mapping[str, Any] | str | None = None, **named: Any) -> Say:
    """An answer that calls one tool."""
    return Say(calls=(Call(name, named if arguments is None else arguments),))


def together(*answers: Say) -> Say:
    """The calls of several answers in one, as a model makes them in parallel."""
    return Say(calls=tuple(each for answer in answers for each in answer.calls))


def read_step(value: Mapping[str, Any]) -> Step:
    """A step as the control interface takes it; raises KeyError or TypeError where it is none."""
    match value:
        case {"hang": _}:
            return Hang()
        case {"drop": _}:
            return Drop()
        case {"status": int(_)}:
            return Fail(**value)
    calls: Sequence[Mapping[str, Any]] = value.get("calls", ())
    others = {name: item for name, item in value.items() if name != "calls"}
    return Say(calls=tuple(Call(**each) for each in calls), **others)
