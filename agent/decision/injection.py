"""What speaks to the machine instead of to a reader, in a source or in a reply: a person looks at it first.

A list of known forms and no proof. What must hold whatever a text says is held by the tools, which reach nobody but the
current customer, and by the grounding of every sentence. This closes what is left: an article that answers the
question *and* gives orders is good ground for the orders too.
"""

import re
from collections.abc import Iterable

from agent.decision.policy import normalise

_OLD = r"(?:all|any|every|your|these|previous|prior|earlier|above|former|old|other)"
_RULES = r"(?:instructions?|rules?|prompts?|guidelines?|directions?|directives?|orders?|polic(?:y|ies))"
_MACHINE = r"(?:ai|llm|chat ?bot|bot|language model|(?:ai |virtual |support )?assistants?|(?:ai |support )?agent|model)"
_ORDERS = re.compile(
    "|".join(
        (
            rf"\b(?:ignor\w*|disregard|forget|override|bypass|drop)\W+(?:{_OLD}\W+(?:the\W+)?){{1,4}}{_RULES}\b",
            r"\b(?:ignorier\w*|vergiss|vergessen sie|missachte\w*)\b.{0,40}\b(?:anweisung|regel|vorgabe)\w*",
            r"\b(?:ignor\w*|olvid\w*|esque[cç]\w*|desconsider\w*)\b.{0,40}\b(?:instruc+i?[oó]n|instruç|regla|regra|orden)\w*",
            r"\b(?:ignor\w*|oubli\w*)\b.{0,40}\b(?:instruction|consigne|r[eè]gle)s?\b",
            r"\b(?:system|developer|hidden|initial) (?:prompt|message|instructions?)\b",
            r"(?:^|[\n.!?]\s*)(?:system|assistant|developer)(?: note| message)?\s*:",
            rf"\b(?:note|notice|message|instructions?|reminder|hint) (?:to|for) (?:the |any |all |every )?{_MACHINE}\b",
            rf"\b{_MACHINE} (?:must|should|shall|has to|have to|is to|are to|will now|needs? to)\b",
            rf"\bwhen (?:an? |the )?{_MACHINE} (?:reads|sees|processes|finds|answers)\b",
            r"\byou are (?:now|no longer)\b|\b(?:developer|debug|jailbreak|dan|god) mode is\b",
            r"\balways (?:show|say|add|append|include)\b.{0,120}\bin (?:the|your|every|all) (?:answer|repl(?:y|ies))",
        )
    )
)
_MARKUP = re.compile(
    r"<\|\w+\|>|\[/?INST\]|<</?SYS>>|</?\s*(?:system|instructions?|passage|customer_message|input)\s*>|<!--|!\[[^\]]*\]\("
    r"|\b(?:javascript|data):|\b(?:search_knowledge_base|create_ticket|get_customer_history|escalate_to_human"
    r"|send_response|analyze_sentiment)\b",
    re.IGNORECASE,
)
_INVISIBLE = re.compile("[\u200b\u2060\ufeff\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]")
_MIXED_SCRIPTS = re.compile(r"[A-Za-z][\u0370-\u03ff\u0400-\u04ff]|[\u0370-\u03ff\u0400-\u04ff][A-Za-z]")
_UNREADABLE = re.compile(r"(?<![\w/])[A-Za-z0-9+/]{40,}={0,2}|(?:\b[0-9a-f]{2} ){12,}")
_WORD = re.compile(r"\w+")

_QUOTED_WORDS = 8  # so many in a row are no coincidence; shorter runs occur in honest answers


def find_order(text: str) -> str | None:
    """What in `text` is meant for a machine or hidden from a reader, in words for a person, or None."""
    if _INVISIBLE.search(text) or _MIXED_SCRIPTS.search(text):
        return "hidden or disguised characters"
    if _UNREADABLE.search(text):
        return "text in a code that no customer can read"
    if _MARKUP.search(text):
        return "markup or names that are meant for a machine"
    if _ORDERS.search(text.lower()) or _ORDERS.search(normalise(text)):
        return "orders to a machine"
    return None


def quotes(text: str, secret: str) -> bool:
    """Whether `text` repeats a run of words of `secret`, punctuation and case aside."""
    return not _list_runs(secret).isdisjoint(_list_runs(text))


def find_trap(reply: str, sources: Iterable[str], instructions: str) -> str | None:
    """Why this reply must not go out although its sources carry it, in words for a person, or None."""
    if quotes(reply, instructions):
        return "the answer quotes the agent's instructions"
    problem = find_order(reply)
    if problem is not None:
        return f"the answer contains {problem}"
    problem = next(filter(None, map(find_order, sources)), None)
    return None if problem is None else f"a cited source contains {problem}"


def _list_runs(text: str) -> set[tuple[str, ...]]:
    words = _WORD.findall(text.lower())
    return {tuple(words[at : at + _QUOTED_WORDS]) for at in range(len(words) - _QUOTED_WORDS + 1)}
