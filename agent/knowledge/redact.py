"""Taking out of a text what belongs to one customer: addresses, numbers, references, names."""

import re
from collections.abc import Iterable

# No rule looks twice at the same run of characters, or only at so many: people paste whole logs.
_RULES = (
    ("address", re.compile(r"(?<![\w.+-])[\w.+-]++@[\w-]++(?:\.[\w-]++)+")),
    ("address", re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}\b")),
    ("reference", re.compile(r"\b[A-Z]{1,8}-\d{8}-\d{4,}\b")),
    (
        "reference",
        re.compile(
            r"(?<=\b)(?:(?:order|ticket|invoice|case|booking|tracking|parcel|reference|ref|account|customer)\.?"
            r"\s{0,3}(?:no\.?|number|id|code)?\s{0,3}(?:is|:)?\s{0,3})#?(?=[A-Z0-9-]{0,64}\d)[A-Z0-9-]{4,}\b"
            r"|#\d{3,}\b",
            re.IGNORECASE,
        ),
    ),
    ("account", re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b")),
    ("number", re.compile(r"(?<![\w.])\+?\d(?:[ ./()-]{0,2}\d){6,}(?!\w)")),
    ("code", re.compile(r"\b(?=[0-9a-f-]{0,64}\d)[0-9a-f]{8,}(?:-[0-9a-f]{4,})*\b", re.IGNORECASE)),
)
_LINK = re.compile(r"https?://\S+", re.IGNORECASE)
_OWN_LINK = re.compile(r"[?#]|/[0-9a-f-]{16}|/[a-z0-9_-]{24}", re.IGNORECASE)
_SELF = re.compile(r"\b(my name is|this is)((?:\s+[A-Z][\w'’-]+){1,3})")


def redact(text: str, names: Iterable[str] = ()) -> str:
    """The text with `[address]`, `[number]` and the like in place of what is one customer's own.

    An identifier of the product, such as an error code, stays. `names` are the customer's: each word of two letters
    or more goes where it is written with a capital.
    """
    text = _LINK.sub(lambda link: "[link]" if _OWN_LINK.search(link[0]) else link[0], text)
    for label, pattern in _RULES:
        text = pattern.sub(f"[{label}]", text)
    text = _SELF.sub(r"\1 [name]", text)
    words = {word for name in names for word in re.findall(r"[^\W\d_]{2,}", name)}
    for word in sorted(words, key=len, reverse=True):
        text = re.sub(rf"\b(?:{re.escape(word.capitalize())}|{re.escape(word.upper())})\b", "[name]", text)
    return text
