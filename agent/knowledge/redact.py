"""What in a text belongs to one customer: taken out where a rule knows it, and named where the text must not be kept.

Taken out are addresses of mail and machines, long numbers, references, account numbers, codes, links with a key in
them, and the names that the customer gave. A street or another person's name has no such form: `tells_of_one_case` and
`list_doubtful_words` say of which texts nobody but a person can know whether they are for everyone.
"""

import re
from collections.abc import Iterable

from core import redact as personal

# No rule looks twice at the same run of characters, or only at so many: people paste whole logs.
_REFERENCES = (
    re.compile(r"\b[A-Z]{1,8}-\d{8}-\d{4,}\b"),
    re.compile(
        r"(?<=\b)(?:(?:order|ticket|invoice|case|booking|tracking|parcel|reference|ref|account|customer)\.?"
        r"\s{0,3}(?:no\.?|number|id|code)?\s{0,3}(?:is|:)?\s{0,3})#?(?=[A-Z0-9-]{0,64}\d)[A-Z0-9-]{4,}\b"
        r"|#\d{3,}\b",
        re.IGNORECASE,
    ),
)
# What is personal by its shape goes before these, and they take the rest: here a number too many does no harm.
_RULES = (
    ("address", re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}\b")),
    ("number", re.compile(r"(?<![\w.])\+?\d(?:[ ./()-]{0,2}\d){6,}(?!\w)")),
    ("code", re.compile(r"\b(?=[0-9a-f-]{0,64}\d)[0-9a-f]{8,}(?:-[0-9a-f]{4,})*\b", re.IGNORECASE)),
)
_LINK = re.compile(r"https?://\S+", re.IGNORECASE)
_OWN_LINK = re.compile(r"[?#]|/[0-9a-f-]{16}|/[a-z0-9_-]{24}", re.IGNORECASE)
_SELF = re.compile(r"\b(my name is|this is)((?:\s+[A-Z][\w'’-]+){1,3})")

_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)"
)
_MONEY = r"(?:[$€£¥]|(?:euros?|dollars?|pounds?|eur|usd|gbp|chf)\b)"
_ONE_CASE = re.compile(
    rf"[$€£¥]\s?\d|\b(?:eur|usd|gbp|chf)\s?\d|\d\s?{_MONEY}"  # amounts
    rf"|\b\d{{1,2}}(?:st|nd|rd|th|\.)?\s(?:of\s)?{_MONTH}\b|\b{_MONTH}\s\d{{1,2}}(?:st|nd|rd|th)?\b"  # dates
    r"|\b\d{1,4}[./-]\d{1,2}[./-]\d{1,4}\b|\b(?:yesterday|tomorrow)\b"
    r"|\b\w{0,40}(?:street|road|avenue|lane|stra(?:ß|ss)e|str\.|weg|platz|gasse|allee)\s\d{1,4}\b"  # streets
    r"|\b\d{1,4}[a-z]?,?\s(?:\w{2,30}\s){1,3}(?:street|road|avenue|lane|drive|boulevard|st|rd|ave|ln|blvd)\b"
    r"|\b(?:rue|calle|via|rua)\s(?:\w{2,30}\s){1,4}\d|\b\d{1,4}[,\s]{1,2}rue\s"
    r"|(?<![\w.-])\d{4,}(?![\w-])"  # what is left of numbers
    r"|\b(?:password|passcode|pin)\s?(?::|=|is\s|was\s)",
    re.IGNORECASE,
)
_DEED = re.compile(
    r"\b(?:I|we)(?:\s?['’](?:ve|d|ll)|\s(?:have|had|will))\s(?!to\b|an?\b|the\b|no\b)\w"
    r"|\b(?:I|we)\s(?:(?:just|already|now|also|then|\w{2,20}ly)\s){0,2}"
    r"(?:\w{1,30}(?<!e)ed|sent|set|made|put|took|gave|paid|wrote|found|told|spoke|got|did|saw)\b"
    r"|\b(?:I\s?['’]m|I am|we\s?['’]re|we are)\s\w{2,30}ing\b"
    r"|\byour\b[^.!?\n]{0,60}\b(?:(?:has|have)\sbeen|was|were)\b",
    re.IGNORECASE,
)
# Digits with letters or a hyphen, and words behind others in a sentence, of which those with a capital are looked at.
_DOUBTFUL = re.compile(
    r"((?<![\w-])(?=[\w-]{0,64}\d)(?=[\w-]{0,64}(?:[^\W\d]|-))\w[\w-]{0,63})"
    r"|(?<=[^.!?\s] )[\"“'‘(\[]?(?!I['’])([^\W\d_]['’]?[^\W\d_]+)"
)


def tells_of_one_case(text: str) -> bool:
    """Whether an amount of money, a date, a street, a number of four digits or more, or a password stands in it."""
    return _ONE_CASE.search(text) is not None


def reports_deed(text: str) -> bool:
    """Whether a text says what was done, is done or will be done for one customer: `we have refunded`."""
    return _DEED.search(text) is not None


def list_doubtful_words(text: str) -> list[str]:
    """Words that may be a name or a secret: with a capital inside a sentence, or digits with letters or a hyphen."""
    return sorted({mixed or word for mixed, word in _DOUBTFUL.findall(text) if mixed or word[0].isupper()})


def redact(text: str, names: Iterable[str] = ()) -> str:
    """The text with `[address]`, `[number]` and the like in place of what is one customer's own.

    An identifier of the product, such as an error code, stays. `names` are the customer's: each word of two letters
    or more goes where it is written with a capital. The names of others, streets and dates stay as well.
    """
    text = _LINK.sub(lambda link: "[link]" if _OWN_LINK.search(link[0]) else link[0], text)
    for pattern in _REFERENCES:
        text = pattern.sub("[reference]", text)
    text = personal.redact(text)
    for label, pattern in _RULES:
        text = pattern.sub(f"[{label}]", text)
    text = _SELF.sub(r"\1 [name]", text)
    words = {word for name in names for word in re.findall(r"[^\W\d_]{2,}", name)}
    for word in sorted(words, key=len, reverse=True):
        text = re.sub(rf"\b(?:{re.escape(word.capitalize())}|{re.escape(word.upper())})\b", "[name]", text)
    return text
