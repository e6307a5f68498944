"""Personal data by its shape: what must not stand in a log, an error or anything that is exported.

Addresses of mail, telephone numbers, payment cards, IBANs and national ids (US SSN, UK NINO, Spanish DNI and NIE,
German tax id), with their checksums where they have one. Ids, times, figures and references of ours have shapes of
their own and stay. Names and streets have no shape: they are kept out of logs by never being logged.
"""

import re

# Alternatives are tried in this order, and what is to be kept comes first. No repetition looks twice at the same
# characters, or it is bounded: whole mails come through here.
_SHAPES = re.compile(
    r"(?P<keep>"
    r"(?<![0-9A-Za-z])[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(?![0-9A-Za-z])"  # UUIDs
    r"|\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d(?::?\d\d)?)?)?(?!\w)"  # times
    r"|\b\d{1,2}[./-]\d{1,2}[./-]\d{4}(?!\w)"
    r"|\b[A-Z]{1,8}-\d{8}-\d{4,9}(?!\w)"  # references of tickets
    r"|(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])"  # addresses of machines
    r"|(?<![\w.])\d{1,20}\.\d{1,20}(?!\.?\w)"  # figures
    r")"
    r"|(?P<address>(?<![\w.+-])[\w.+-]++@[\w-]++(?:\.[\w-]++)+)"
    r"|(?P<account>(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?(?!\w))"
    r"|(?P<nino>(?<!\w)(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z](?: ?\d\d){3} ?[A-D](?!\w))"
    r"|(?P<dni>(?<!\w)[XYZ]?\d{7,8}[ -]?[A-Z](?!\w))"
    r"|(?P<number>(?<![\w.])[+(]{0,2}\d(?:[ ./()-]{0,2}\d){6,24}(?!\w))"
)
# Without an @ and without six digits in a row none of these can be there; nearly all that is logged ends here, or is an
# id and nothing else.
_MAY_HOLD = re.compile(r"@|\d(?:[ ./()-]{0,2}\d){5}")
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SHORTEST = 6  # a@b.cd
_US_PHONE = re.compile(r"\(?\d{3}\)?[ ./-]{1,2}\d{3}[ ./-]\d{4}")
_SSN = re.compile(r"(?!000|666|9)\d{3}[ -](?!00)\d\d[ -](?!0000)\d{4}")
_DNI_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"


def redact(text: str) -> str:
    """The text with `[address]`, `[number]`, `[card]`, `[account]` and `[id]` in place of personal data."""
    if len(text) < _SHORTEST or _MAY_HOLD.search(text) is None or _ID.fullmatch(text):
        return text
    return _SHAPES.sub(_replace, text)


def _replace(match: re.Match[str]) -> str:
    found = match[0]
    if match.lastgroup == "address":
        return "[address]"
    if match.lastgroup == "account":
        return _replace_account(found)
    if match.lastgroup == "nino" or (match.lastgroup == "dni" and _is_dni(found)):
        return "[id]"
    label = _name_number(found) if match.lastgroup == "number" else None
    return f"[{label}]" if label else found


def _replace_account(text: str) -> str:
    """An IBAN goes, and what was taken for the end of one stays."""
    for end in range(len(text), 14, -1):
        if text[end - 1] != " " and not text[end : end + 1].isalnum() and _is_iban(text[:end].replace(" ", "")):
            return f"[account]{text[end:]}"
    return text


def _is_iban(text: str) -> bool:
    return int("".join(str(int(character, 36)) for character in text[4:] + text[:4])) % 97 == 1


def _is_dni(text: str) -> bool:
    digits = re.sub(r"\D", "", text.translate(str.maketrans("XYZ", "012")) if text[0] in "XYZ" else text)
    return len(digits) == 8 and _DNI_LETTERS[int(digits) % 23] == text[-1]


def _name_number(text: str) -> str | None:
    digits = re.sub(r"\D", "", text)
    if 13 <= len(digits) <= 19 and digits[0] in "23456" and _passes_luhn(digits):
        return "card"
    if _SSN.fullmatch(text) or (len(digits) == 11 and _is_german_tax_id(digits)):
        return "id"
    return "number" if 7 <= len(digits) <= 15 and _is_phone(text, digits) else None


def _passes_luhn(digits: str) -> bool:
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (sum(map(int, digits[-1::-2])) + sum(doubled)) % 10 == 0


def _is_german_tax_id(digits: str) -> bool:
    """ISO 7064 MOD 11,10. It never begins with a zero."""
    product = 10
    for digit in digits[:10]:
        product = ((int(digit) + product) % 10 or 10) * 2 % 11
    return digits[0] != "0" and (11 - product) % 10 == int(digits[10])


def _is_phone(text: str, digits: str) -> bool:
    """Whether people write a telephone number like this, and neither a time nor a quantity."""
    if text.startswith(("+", "(", "00")) or _US_PHONE.fullmatch(text):
        return True
    groups = len(re.findall(r"\d+", text))
    if groups == 1:
        # No number in full begins with a 1 and has 10 or 13 digits, but a time in seconds or milliseconds has.
        return len(digits) >= 10 and not (digits[0] == "1" and len(digits) in {10, 13})
    return digits[0] == "0" or (groups > 2 and len(digits) >= max(8, 2 * groups))
