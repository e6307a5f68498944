"""What a reply must have from its sources to the letter: links, numbers with units, days, labels, names, promises."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from agent.decision.statements import stem

LINK = re.compile(
    r"https?://[^\s<>()\[\]]+|\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+|\b(?:[a-z0-9][\w-]*\.)+[a-z]{2,}\b(?:/[^\s<>()\[\]]*)?",
    re.IGNORECASE,
)
PHONE = re.compile(r"(?<![\w.])\+?\d(?:[ ()/.-]{0,2}\d){6,14}(?!\w)")
_NUMBER = re.compile(
    r"(?<![\w.])(?P<money>[$€£¥]\s?)?(?P<value>\d+(?:[.,]\d+)*)(?P<glued>[a-z]{1,3}\b|%)?", re.IGNORECASE
)
_DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
_NUMBER_WORDS = dict(zip(_DIGITS, "0123456789", strict=True)) | {
    "ten": "10",
    "eleven": "11",
    "twelve": "12",
    "fifteen": "15",
    "twenty": "20",
    "thirty": "30",
    "forty": "40",
    "fifty": "50",
    "sixty": "60",
    "ninety": "90",
    "hundred": "100",
    "twice": "2",
}
_FIGURE_WORD = re.compile(rf"\b(?:{'|'.join(_NUMBER_WORDS)})\b", re.IGNORECASE)
_UNIT_NAMES = {
    "second": ["s", "sec", "secs", "second", "seconds"],
    "minute": ["min", "mins", "minute", "minutes"],
    "hour": ["h", "hr", "hrs", "hour", "hours"],
    "day": ["day", "days"],
    "week": ["week", "weeks"],
    "month": ["month", "months", "monthly"],
    "year": ["year", "years", "yearly", "annually"],
    "percent": ["%", "percent", "pct"],
    "kilobyte": ["kb", "kilobyte", "kilobytes"],
    "megabyte": ["mb", "megabyte", "megabytes"],
    "gigabyte": ["gb", "gigabyte", "gigabytes"],
    "terabyte": ["tb", "terabyte", "terabytes"],
    "dollar": ["$", "usd", "dollar", "dollars"],
    "euro": ["€", "eur", "euro", "euros"],
    "pound": ["£", "gbp", "pound", "pounds"],
    "user": ["user", "users", "seat", "seats", "member", "members", "person", "people"],
    "time": ["time", "times"],
    "metre": ["m", "metre", "metres", "meter", "meters"],
    "kilo": ["kg", "kilo", "kilos", "kilogram", "kilograms"],
}
_UNITS = {unit: name for name, units in _UNIT_NAMES.items() for unit in units}
_UNIT_REACH = 3  # "5 to 10 business days": the unit stands up to three words behind
_NEXT_WORD = re.compile(r"[a-z%$€£]+|\d+", re.IGNORECASE)
_CLAUSE_END = re.compile(r"[.;:!?](?:\s|$)")

_DAYS = re.compile(
    r"\b(?:mondays?|tuesdays?|wednesdays?|thursdays?|fridays?|saturdays?|sundays?|weekends?|january|february"
    r"|march(?= \d)|april|june|july|august|september|october|november|december|today|tonight|tomorrow|yesterday"
    r"|next (?:week|month|year|day)|this (?:week|month|afternoon|evening|morning)|(?:right away|immediately|instantly"
    r"|at once|shortly|overnight|end of (?:the )?(?:day|week|month)))\b",
    re.IGNORECASE,
)
_LABEL = re.compile(r"[“\"«„]([^“”\"«»„\n]{1,60})[”\"»“]")
_NAME = re.compile(r"(?<=[a-z,;] )(?:[A-Z][\w-]*[A-Za-z0-9]|[A-Z]{2,})\b")
_NO_NAMES = frozenset({"i", "i'm", "i've", "i'll", "ok", "english"})
_PROMISED = re.compile(
    r"\b(?:refund\w*|reimburs\w*|compensat\w*|credit(?:ed)? your?|discount\w*|voucher\w*|coupon\w*|waiv\w+"
    r"|exception\w*|guarante\w+|promis\w+|for free|free of charge|at no (?:extra )?(?:cost|charge)|gift\w*"
    r"|bonus\w*|goodwill|make (?:it|this) up to|money back|free (?:month|year|upgrade|replacement)s?)\b",
    re.IGNORECASE,
)
# What we say that we did or shall do. No article knows, so only its own words may say it.
_DEED = re.compile(
    r"\b(?:i|we|our team|(?:a|my|our|the) (?:colleague|engineer|team|specialist|manager)s?)"
    r"(?:['’](?:ve|ll)| have| has| will| shall| am going to| are going to| is going to|['’]m going to|['’]re going to)"
    r"(?! (?:be )?(?:happy|glad|pleased|sorry)| (?:found|looked|checked|read|understood)\b)",
    re.IGNORECASE,
)
_DONE = re.compile(
    r"\b(?:your|the) [\w ]{1,40}(?:has|have) (?:just |already |now |been |successfully ){1,3}\w+ed\b", re.IGNORECASE
)


# Words as final as a figure: without end, without limit, for all, every time. A source may use another of its row.
_ABSOLUTES = tuple(
    re.compile(rf"\b(?:{words})\b", re.IGNORECASE)
    for words in (
        (
            r"for ?ever|indefinitely|permanent(?:ly)?|for (?:life|good|all time)|lifetime|eternal(?:ly)?"
            r"|(?:never|not|cannot|[a-z]+n['’]t) (?:ever )?(?:expires?|ends?|runs? out|lapses?)|no expiry"
        ),
        r"unlimited(?:ly)?|limitless(?:ly)?|(?:without|no)(?: an?| any)? limits?|as many as you (?:like|want)",
        (
            r"every(?:one|body)|any(?:one|body)|all (?:\w+ )?(?:users|customers|members|people|persons|visitors)"
            r"|every (?:\w+ )?(?:user|customer|member|person|visitor)"
        ),
        r"always|every time|at (?:any|all) times?|whenever|around the clock|in (?:any|every|all) cases?|24/7",
    )
)


@dataclass(frozen=True, slots=True)
class Figure:
    """A number as digits, and the unit it counts where we know one."""

    value: str
    unit: str | None


def find_foreign_figure(text: str, ground: str) -> str | None:
    """What of links, addresses and numbers in `text` is not in `ground`, in words for a person. In any language."""
    lower = ground.lower()
    for link in LINK.findall(text):
        if not is_part(link.lower().rstrip(".,;:!?/"), lower):
            return "a link or address that is not in the sources"
    rest = LINK.sub(" ", text)
    known_digits = {re.sub(r"\D", "", number) for number in PHONE.findall(ground)}
    for number in PHONE.findall(rest):
        if re.sub(r"\D", "", number) not in known_digits:
            return "a telephone number that is not in the sources"
    known = set(find_figures(LINK.sub(" ", ground), with_words=True))
    values = {figure.value for figure in known}
    for figure in find_figures(rest):
        if figure.value not in values:
            return "a number that is not in the sources"
        # A source that says "30" of something we know no word for may mean any unit.
        if figure.unit and figure not in known and Figure(figure.value, None) not in known:
            return "a number that the sources give for something else"
    return None


def find_foreign_words(text: str, ground: str) -> str | None:
    """What of days, labels, names and promises in `text` is not in `ground`, which is in the same language."""
    lower = ground.lower()
    stems = {stem(word) for word in re.findall(r"[\w-]+", lower)}
    values = {figure.value for figure in find_figures(ground, with_words=True)}

    def is_missing(words: str) -> bool:
        return not is_part(words, lower)

    def is_new(words: str) -> bool:
        return stem(words.partition(" ")[0]) not in stems and is_missing(words)

    deeds = [*find_lower(_DEED, text), *find_lower(_DONE, text)]
    # "One" is as often a pronoun as a figure.
    figures = [word for word in find_lower(_FIGURE_WORD, text) if word != "one"]
    foreign = {
        "a day or deadline": any(map(is_missing, find_lower(_DAYS, text))),
        "a label": any(is_missing(label.strip(" .,!?").lower()) for label in _LABEL.findall(text)),
        "a promise": any(map(is_new, find_lower(_PROMISED, text))),
        "a number": any(_NUMBER_WORDS[word] not in values for word in figures),
        "a deed or promise of ours": any(map(is_missing, deeds)),
        "a word as final as a figure": any(
            absolute.search(text) and not absolute.search(ground) for absolute in _ABSOLUTES
        ),
        "a name": any(map(is_new, set(find_lower(_NAME, text)) - _NO_NAMES)),
    }
    found = next((kind for kind, is_found in foreign.items() if is_found), None)
    return None if found is None else f"{found} that is not in the sources"


def find_lower(pattern: re.Pattern[str], text: str) -> list[str]:
    """All that a pattern finds, lower case."""
    return [match[0].lower() for match in pattern.finditer(text)]


def is_part(words: str, text: str) -> bool:
    """Whether `words` stand in `text` as whole words; both lower case."""
    return re.search(rf"(?<![\w@]){re.escape(words)}(?![\w@])", text) is not None


def find_figures(text: str, *, with_words: bool = False) -> Iterator[Figure]:
    """The numbers of a text with their units; those written as words too if asked."""
    for number in _NUMBER.finditer(text):
        unit = _UNITS.get((number["money"] or number["glued"] or "").strip().lower())
        yield Figure(_plain(number["value"]), unit or _find_unit(text[number.end() :]))
    if with_words:
        for word in _FIGURE_WORD.finditer(text):
            yield Figure(_NUMBER_WORDS[word[0].lower()], _find_unit(text[word.end() :]))


def _plain(value: str) -> str:
    """“1,000” as “1000” and “4.50” as “4.5”: a comma before three digits only groups them."""
    value = re.sub(r"[.,](?=\d{3}(?:\D|$))", "", value).replace(",", ".")
    return value.rstrip("0").rstrip(".") if "." in value else value.lstrip("0") or "0"


def _find_unit(behind: str) -> str | None:
    clause = _CLAUSE_END.split(behind, maxsplit=1)[0].replace("-", " ")
    words = [word.lower() for word in _NEXT_WORD.findall(clause)[:_UNIT_REACH]]
    return next((_UNITS[word] for word in words if word in _UNITS and word != "m"), None)
