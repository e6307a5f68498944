"""How many tokens a text has, roughly and never too few by much: no tokenizer is the same for every server."""

import math

_BYTES_PER_TOKEN = 3  # English has about four, Chinese and emoji about three


def estimate_tokens(text: str) -> int:
    """Tokens of a text, rounded up."""
    return math.ceil(len(text.encode("utf-8", "ignore")) / _BYTES_PER_TOKEN)


def cut_to_tokens(text: str, limit: int) -> str:
    """The beginning and the end of a text, with a mark between them where something is missing.

    Complaints end with what is wanted and begin with what happened; `limit` is at least 20.
    """
    if estimate_tokens(text) <= limit:
        return text
    raw = text.encode("utf-8", "ignore")
    mark = " […cut…] "
    room = limit * _BYTES_PER_TOKEN - len(mark.encode())
    head, tail = raw[: room * 2 // 3], raw[len(raw) - room // 3 :]
    return head.decode("utf-8", "ignore") + mark + tail.decode("utf-8", "ignore")
