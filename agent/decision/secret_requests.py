"""Whether a reply asks the customer for what opens their account or their purse: no honest answer has to.

A list of known forms, as in agent/decision/injection.py. What it misses is still a question, which the gate sends only
if a judge agrees.
"""

import re
from collections.abc import Iterable

from agent.decision.statements import simplify, split_statements

# “Tell us the error code” asks for nothing that opens a door.
_HARMLESS_CODES = "".join(
    rf"(?<!\b{kind} )"
    for kind in ("error", "status", "postal", "post", "zip", "country", "source", "qr", "discount", "promo", "voucher")
)
_SECRET = re.compile(
    r"\b(?:pass(?:words?|phrases?|codes?)|pins?|puk|cvv2?|cvc2?|otp|credentials|social security number"
    r"|(?:private|secret|api) keys?|(?:(?:credit|debit|bank|payment) )?cards? (?:numbers?|details?|data|information)"
    r"|(?:credit|debit) cards?|bank(?:ing)? (?:details?|data|information)|(?:log ?in|sign-?in|account) (?:details|data)"
    rf"|{_HARMLESS_CODES}codes?|passwort|passwörter|kennwort|karten(?:nummer|daten)|prüfnummer|bestätigungscode"
    r"|contraseñas?|tarjeta|mots? de passe|carte bancaire|senhas?|cartão)\b"
)
# Asking in so many words that the customer hands something to us …
_TO_US = re.compile(
    r"\b(?:send|give|tell|e-?mail|text|forward|read|show|message|hand|dictate)(?: (?:it|them|that))?(?: to)?"
    r" (?:us|me)\b"
    r"|\b(?:reply|respond|answer|write(?: back)?|get back|come back)\b.{0,40}\bwith\b|\blet (?:us|me) (?:know|have)\b"
    r"|\b(?:send|share|provide|confirm|verify|enter|type|state|give|submit|include|write|put|attach|forward|read)\b"
    r".{0,80}\b(?:(?:to|with|for) (?:us|me|our (?:team|support|staff|colleagues?))|here|in a (?:reply|message)"
    r"|in (?:your|this) (?:reply|answer|message|chat|e-?mail|response|conversation)|by (?:reply|return|phone))\b"
    r"|\b(?:we|i)(?:'ll| will| do| would| also| just| only| first)* (?:need|require|want|ask for)(?: to (?:know|have))?"
    r" your\b|\b(?:what|which)(?:'s| is| was| are) (?:your|the)\b"
    r"|\b(?:nennen|senden|schicken|geben|teilen|schreiben|bestätigen) sie (?:uns|mir)\b"
    r"|\b(?:nenn|schick|sende|gib) (?:uns|mir)\b|\b(?:env[ií]e|d[ií]ga)(?:nos|me)\b|\b(?:envie|informe)(?:-nos)?\b"
    r"|\b(?:envoyez|donnez|indiquez)-(?:nous|moi)\b"
)
# … or asking for it at all, where the sentence is a question.
_GIVEN = re.compile(
    r"\b(?:send|share|provide|confirm|verify|give|tell|submit|state|supply|disclose|include|have|get|need|reply|nennen"
    r"|senden|schicken|geben|mitteilen|bestätigen|enviar|decir(?:nos)?|donner|envoyer|communiquer)\b"
)
# The warning itself, up to where the sentence turns: “Never share it, but send us your PIN” still asks.
_NEVER_SHARED = re.compile(
    r"\b(?:never|do not|don't|must not|mustn't|should not|shouldn't|will not|won't|nobody|no one)"
    r"(?: (?:ever|please|be|going|to|us|you|of us|from our team|on our team|here|will|would|should|may))*"
    r" (?:share|send|give|tell|asks?|asking|e-?mail|reply|reveal|disclose|forward|post|hand|need|require|want"
    r"|provide)\b"
    r"(?:(?!\bbut\b|\bso\b|\bplease\b|\band (?:then|now)\b)[^,;:.!?–—])*"
)


def asks_for_secret(reply: str, sources: Iterable[str]) -> bool:
    """Whether a sentence asks for a password, card number, code or the like, unless a source has just that sentence."""
    known = {simplify(statement.text) for source in sources for statement in split_statements(source)}
    sentences = [statement.text for statement in split_statements(reply)]
    return any(_asks(sentence) for sentence in sentences if simplify(sentence) not in known)


def _asks(sentence: str) -> bool:
    plain = " ".join(sentence.lower().replace("’", "'").split())
    if not _SECRET.search(plain):
        return False
    rest = _NEVER_SHARED.sub(" ", plain)  # the secret itself may be named in the warning alone
    return _TO_US.search(rest) is not None or (rest.endswith("?") and _GIVEN.search(rest) is not None)
