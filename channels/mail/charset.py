"""From bytes to text, whatever the mail says they are."""

import codecs

# What senders call a charset and what they mean: the larger one that contains it, as browsers read it
# (https://encoding.spec.whatwg.org/#names-and-labels).
_MEANT = {
    "ascii": "utf-8",
    "euc_kr": "cp949",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "iso2022_jp": "iso2022_jp_ext",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "shift_jis": "cp932",
}
# Not charsets of any mail. The first two need time in the square of the length: one mail would hold up a worker.
_REFUSED = frozenset({"punycode", "idna", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"})
_UNDECLARED = ("utf-8", "cp1252")


def decode_bytes(content: bytes, charset: str | None) -> str:
    """The text of some bytes. What does not fit the charset, or a charset nobody knows, is read as UTF-8 or Latin."""
    declared = _find_codec(charset) if charset else None
    if declared is None and b"\x1b$" in content:
        declared = "iso2022_jp_ext"  # Japanese mail without a charset; nothing else switches to two bytes like this
    for codec in ([declared] if declared else []) + list(_UNDECLARED):
        try:
            return content.decode(codec)
        except UnicodeError:
            continue
    return content.decode(declared or "latin-1", errors="replace")


def _find_codec(charset: str) -> str | None:
    if len(charset) > 40:
        return None
    try:
        name = codecs.lookup(charset.strip(" \t\"'")).name
        name = _MEANT.get(name, name)
        "".encode(name)
    except (LookupError, ValueError):
        return None
    return None if name.replace("-", "_") in _REFUSED else name
