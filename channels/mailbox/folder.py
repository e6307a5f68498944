"""Names of IMAP folders, as they go over the wire."""

from base64 import b64encode
from itertools import groupby


def quote(text: str) -> str:
    """A quoted string of RFC 3501, section 4.3: spaces, quotes and backslashes mean themselves."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def encode_folder(name: str) -> str:
    """The name in the modified UTF-7 of RFC 3501, section 5.1.3, quoted."""
    runs = groupby(name, key=lambda character: " " <= character <= "~")
    return quote(
        "".join("".join(run).replace("&", "&-") if plain else _encode_run("".join(run)) for plain, run in runs)
    )


def _encode_run(run: str) -> str:
    encoded = b64encode(run.encode("utf-16-be")).decode().rstrip("=").replace("/", ",")
    return f"&{encoded}-"
