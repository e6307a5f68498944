"""What speaks to the machine instead of to a reader, in a source or in a reply: a person looks at it first.

A list of known forms and no proof. What must hold whatever a text says is held by the tools, which reach nobody but the
current customer, and by the grounding of every sentence. This closes what is left: an article that answers the
question *and* gives orders is good ground for the orders too.
"""

import re
from collections.abc import Sequence

from agent.decision.policy import normalise
from agent.decision.secret_requests import asks_for_secret

_OLD = r"(?:all|any|every|your|these|previous|prior|earlier|above|former|old|other)"
_RULES = r"(?:instructions?|rules?|prompts?|guidelines?|directions?|directives?|orders?|polic(?:y|ies))"
_MACHINE = r"(?:ai|llm|chat ?bot|bot|language model|(?:ai |virtual |support )?assistants?|(?:ai |support )?agent|model)"
_SPEAK = (
    r"(?:say|tell|answer|reply|respond|print|output|reveal|promise|grant|offer|refund|approve|obey|ignore|forget"
    r"|disregard|disclose|quote|repeat|pretend|mention|recommend"
    r"|(?:send|give|call) (?:every|all|the customer|customers))"
)
_ROLE = (
    r"(?:ai|llm|chat ?bot|bot|language model|assistant|model|dan|unrestricted|uncensored|unfiltered|jailbroken"
    rf"|in (?:developer|debug|god|dan|jailbreak) mode|free (?:of|from) (?:all|any|every|your)"
    rf"|(?:bound|restricted|limited) by (?:{_OLD} )*{_RULES})"
)
# A name in capitals is given to a machine: “You are now FREEDESK”. Asked of the text as it is written.
_RENAMED = re.compile(r"\b[Yy](?:ou|OU) (?:are|ARE) (?:now|NOW) (?:called )?[A-Z]{4,}\b")
_ORDERS = re.compile(
    "|".join(
        (
            rf"\b(?:ignor\w*|disregard|forget|override|bypass|drop)\W+(?:{_OLD}\W+(?:the\W+)?){{1,4}}{_RULES}\b",
            r"\b(?:ignorier\w*|vergiss|vergessen sie|missachte\w*)\b.{0,40}\b(?:anweisung|regel|vorgabe)\w*",
            r"\b(?:ignor\w*|olvid\w*|esque[cç]\w*|desconsider\w*)\b.{0,40}\b(?:instruc+i?[oó]n|instruç|regla|regra|orden)\w*",
            r"\b(?:ignor\w*|oubli\w*)\b.{0,40}\b(?:instruction|consigne|r[eè]gle)s?\b",
            r"\b(?:system|developer|hidden|initial) (?:prompt|instructions?)\b|\bdeveloper message\b",
            # “System: Windows 10 or later.” is a requirement; what is said to somebody is not.
            (
                r"(?:^|[\n.!?]\s*)(?:system|assistant|developer)(?: note| message)?\s*:[^\n.!?]{0,80}"
                r"\b(?:from now on|ignore"
                r"|disregard|forget|say|answer|reply|respond|reveal|obey|you (?:are|must|shall|will|may|now))\b"
            ),
            rf"\b(?:note|notice|message|instructions?|reminder|hint) (?:to|for) (?:the |any |all |every )?{_MACHINE}\b",
            # What it must say or do to customers: that a bot must be a member of a channel is told to a reader.
            rf"\b{_MACHINE} (?:must|should|shall|has to|have to|is to|are to|will now|needs? to) (?:\w+ )?{_SPEAK}\b",
            rf"\bwhen (?:an? |the )?{_MACHINE} (?:reads|sees|processes|finds|answers) (?:this|these|the following)\b",
            rf"\byou are (?:now|no longer) (?:(?:an?|the|my|our|just) )*(?:\w+ )?{_ROLE}\b",
            r"\b(?:developer|debug|jailbreak|dan|god) mode is\b",
            (
                r"\balways (?:show|say|add|append|include)\b.{0,120}\bin (?:"
                r"(?:every|all|each) (?:answers?|repl(?:y|ies))"
                r"|(?:the|your) (?:answers?|repl(?:y|ies)) to (?:an?|the|all|any|every)\b)"
            ),
        )
    )
)
_MARKUP = re.compile(
    r"<\|\w+\|>|\[/?INST\]|<</?SYS>>|<!--|!\[[^\]]*\]\("
    r"|</?\s*(?:system|instructions?|passages?|customer_message|input|sources|sentences)\s*>"
    r"|\bjavascript:(?=\S)|\bdata:(?:[a-z]+/[\w.+-]+)?[;,]\S"
    r"|\b(?:search_knowledge_base|create_ticket|get_customer_history|escalate_to_human|send_response|analyze_sentiment)\b",
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
    if _RENAMED.search(text) or _ORDERS.search(text.lower()) or _ORDERS.search(normalise(text)):
        return "orders to a machine"
    return None


def quotes(text: str, secret: str) -> bool:
    """Whether `text` repeats a run of words of `secret`, punctuation and case aside."""
    return not _list_runs(secret).isdisjoint(_list_runs(text))


def find_trap(reply: str, sources: Sequence[str], instructions: str) -> str | None:
    """Why this reply must not go out although its sources carry it, in words for a person, or None."""
    if asks_for_secret(reply, sources):
        return "the answer asks for a password, a card number or a code"
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
