"""Reading PromQL as far as it takes to say which metrics, labels and functions an expression speaks of."""

import re
from dataclasses import dataclass, field

FUNCTIONS = frozenset({"absent", "histogram_quantile", "increase", "max", "rate", "sum", "topk", "vector"})
_OPERATORS = frozenset({"by", "or", "and", "on", "unless", "without"})
_BEFORE_LABELS = frozenset({"by", "on", "without"})
_PAIRS = {")": "(", "]": "[", "}": "{"}
_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"[^"]*")|(?P<range>\[(?:\d+[smhd]|\$__rate_interval)\])|(?P<name>[a-zA-Z_:][\w:]*)"""
    r"""|(?P<number>\d+(?:\.\d+)?)|(?P<sign>=~|!=|==|[-+*/<>=(){},]))"""
)


@dataclass
class Reading:
    """What an expression is made of. `matched` are the labels that a metric's selector names."""

    metrics: set[str] = field(default_factory=set)
    functions: set[str] = field(default_factory=set)
    matched: dict[str, set[str]] = field(default_factory=dict)
    grouped: set[str] = field(default_factory=set)


def read_promql(expression: str) -> Reading:
    """Take an expression apart. Raises ValueError where it is not well formed."""
    tokens = _split(expression)
    reading, opened, context = Reading(), list[str](), list[str]()
    selected = ""
    for place, (kind, token) in enumerate(tokens):
        following = tokens[place + 1][1] if place + 1 < len(tokens) else ""
        if token in {"(", "{"} and kind == "sign":
            before = tokens[place - 1][1] if place else ""
            opened.append(token)
            context.append("selector" if token == "{" else "labels" if before in _BEFORE_LABELS else "arguments")
        elif kind == "sign" and token in _PAIRS:
            if not opened or opened.pop() != _PAIRS[token]:
                raise ValueError(f"{expression}: {token} closes nothing")
            context.pop()
        elif kind == "name" and token not in _OPERATORS:
            where = context[-1] if context else ""
            if where == "selector":
                reading.matched[selected].add(token)
            elif where == "labels":
                reading.grouped.add(token)
            elif following == "(" or following in {"by", "without"}:
                reading.functions.add(token)
            else:
                selected = token
                reading.metrics.add(token)
                reading.matched.setdefault(token, set())
    if opened:
        raise ValueError(f"{expression}: {opened[-1]} is not closed")
    return reading


def _split(expression: str) -> list[tuple[str, str]]:
    tokens, position = list[tuple[str, str]](), 0
    text = expression.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise ValueError(f"{expression}: not understood at {text[position : position + 20]!r}")
        tokens.append((str(match.lastgroup), match[str(match.lastgroup)]))
        position = match.end()
    return tokens
