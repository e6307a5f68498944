"""Whether the server that received a mail vouches for its sender.

Authentication-Results is RFC 8601. It is read here and not by a library: those at hand either raise on headers as
large providers write them, or read every header alike, while all that counts is the top-most one of one server.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ESCAPED = re.compile(r"\\(.)")
_WORD = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^\s;"=]| ?= ?)+|;')


@dataclass(slots=True)
class _Result:
    """One method's result, such as dkim=pass, with its properties. A property that is given twice says nothing."""

    method: str
    verdict: str
    properties: dict[str, str] = field(default_factory=dict)

    def get_domain(self, *names: str) -> str:
        values = (self.properties.get(name, "") for name in names)
        return next((value.rpartition("@")[2].lower().rstrip(".") for value in values if value), "")


def is_vouched_for(results: Sequence[str], domain: str, authenticator: str | None) -> bool:
    """Whether the top-most result of `authenticator` proves that the mail comes from `domain`.

    `results` are the Authentication-Results fields, top-most first. Fields of other servers are passed over, and so is
    everything below the first one of ours: whoever sends a mail writes as many of them into it as they like.
    """
    if not authenticator or not domain:
        return False
    for result in results:
        clauses = _read_clauses(result)
        if clauses is None:
            return False  # it may be ours; to look below it would be to trust what the sender wrote there
        if clauses and clauses[0] and clauses[0][0].lower() == authenticator.lower():
            return _vouches([_read_result(words) for words in clauses[1:] if words], domain)
    return False


def is_aligned(signer: str, domain: str) -> bool:
    """Whether a signature of `signer` speaks for `domain`: it is the same, or a parent of it.

    RFC 7489 would let a child speak for its parent too, within one organisation. Which names are organisations only a
    public suffix list tells, and without one user.github.io would speak for github.io; DMARC's own result covers that
    case.
    """
    return "." in signer and (domain == signer or domain.endswith(f".{signer}"))


def _vouches(results: list[_Result], domain: str) -> bool:
    dmarc = [result for result in results if result.method == "dmarc"]
    if any(result.verdict == "pass" and result.get_domain("header.from") == domain for result in dmarc):
        return True
    if any(result.verdict == "fail" for result in dmarc):
        return False
    return any(
        result.method == "dkim"
        and result.verdict == "pass"
        and is_aligned(result.get_domain("header.d", "header.i"), domain)
        for result in results
    )


def _read_result(words: list[str]) -> _Result:
    method, _, verdict = words[0].partition("=")
    result = _Result(method.partition("/")[0].lower(), verdict.lower())
    for word in words[1:]:
        name, _, value = word.partition("=")
        result.properties[name.lower()] = "" if name.lower() in result.properties else value
    return result


def _read_clauses(header: str) -> list[list[str]] | None:
    """The words between the semicolons, without comments and quotes, or None where those are never closed.

    A quoted value may hold anything that its sender chose, semicolons and spaces included: it stays within its word.
    """
    plain = _strip_comments(header)
    if plain is None:
        return None
    clauses: list[list[str]] = [[]]
    for word in _WORD.findall(" ".join(plain.split())):
        if word == ";":
            clauses.append([])
        else:
            clauses[-1].append(_QUOTED.sub(lambda match: _ESCAPED.sub(r"\1", match[1]), word).replace(" ", ""))
    return clauses


def _strip_comments(header: str) -> str | None:
    kept: list[str] = []
    depth, is_quoted, is_escaped = 0, False, False
    for character in header:
        if depth == 0:
            kept.append(character)
        if is_escaped:
            is_escaped = False
        elif character == "\\" and (depth or is_quoted):
            is_escaped = True
        elif is_quoted or (character == '"' and not depth):
            is_quoted = character != '"' or not is_quoted
        elif character == "(":
            kept[len(kept) - (depth == 0) :] = []
            depth += 1
        elif character == ")" and depth:
            depth -= 1
            kept.append(" " * (depth == 0))
    return None if depth or is_quoted else "".join(kept)
