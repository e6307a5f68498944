"""What a file really is, and what it may safely be called and served as.

Whoever serves a file also sends `X-Content-Type-Options: nosniff`: a file may be an image and a script at once.
"""

import codecs
import re
from collections.abc import Iterator

import puremagic

UNKNOWN = "application/octet-stream"

# A browser runs nothing that is served as one of these. SVG, HTML and XML may hold scripts and are not among them.
SAFE_TYPES = frozenset(
    {
        "application/pdf", "audio/aac", "audio/amr", "audio/flac", "audio/mp4", "audio/mpeg", "audio/ogg",
        "audio/wav", "audio/webm", "image/avif", "image/bmp", "image/gif", "image/heif", "image/jpeg", "image/png",
        "image/tiff", "image/webp", "text/plain", "video/3gpp", "video/mp4", "video/mpeg", "video/ogg",
        "video/quicktime", "video/webm", UNKNOWN,
    }
)  # fmt: skip

_ALIASES = {
    "application/ogg": "audio/ogg",
    "audio/mp3": "audio/mpeg",
    "audio/wave": "audio/wav",
    "audio/x-aac": "audio/aac",
    "audio/x-flac": "audio/flac",
    "audio/x-m4a": "audio/mp4",
    "audio/x-wav": "audio/wav",
    "image/heic": "image/heif",
    "image/jpg": "image/jpeg",
    "image/x-ms-bmp": "image/bmp",
}
_BY_SUFFIX = {".amr": "audio/amr", ".m4a": "audio/mp4"}  # what puremagic knows without a type

# One container holds sound or film alike; only the sender knows which.
_CONTAINERS = (
    frozenset({"audio/mp4", "video/mp4", "video/3gpp", "video/quicktime"}),
    frozenset({"audio/ogg", "video/ogg"}),
    frozenset({"audio/webm", "video/webm"}),
)

# Two bytes of signature are also the beginning of many texts: `BM` is a bitmap and the name of a car maker.
_WEAK = 0.3
_TEXT_TYPES = frozenset({"", UNKNOWN, "text/plain", "text/csv", "text/markdown", "text/x-log"})
_TEXT_SUFFIXES = frozenset({"", "csv", "log", "md", "text", "txt"})
_MARKUP = re.compile(r"<(?!https?://)(?:[!?]|/?[a-z][a-z0-9:-]*[\s/>])|<script", re.IGNORECASE)
_TEXT_HEAD = 64 * 1024  # browsers that guess look at 1.5 KB; the whole of a large file would take seconds
_Utf8Decoder = codecs.getincrementaldecoder("utf-8")
_NOT_TEXT = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")
_UNSAFE_IN_NAME = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")


def sniff(content: bytes, name: str, claimed: str) -> str:
    """The type to serve a file as, one of SAFE_TYPES; what we are not sure of is only offered for download.

    `claimed` and the suffix of `name` are the sender's words: they choose between types that the content allows.
    """
    claim = _normalise(claimed)
    candidates = list(_find_signatures(content, claim))
    if candidates:
        return _choose(candidates, claim)
    return "text/plain" if _is_plain_text(content, name, claim) else UNKNOWN


def is_inline(content_type: str) -> bool:
    """Whether a browser may show it in the page. A PDF opens apart: in ours it could imitate our own forms."""
    return content_type in SAFE_TYPES - {UNKNOWN, "application/pdf"}


def clean_file_name(name: str, fallback: str) -> str:
    """The last part of a name, without characters that hide or reorder it, at most 200 long with its suffix."""
    bare = _UNSAFE_IN_NAME.sub("", name).replace("\\", "/").rpartition("/")[2].strip(" .")
    if not bare:
        return fallback
    stem, dot, suffix = bare.rpartition(".")
    if len(bare) <= 200 or not dot or len(suffix) > 20:
        return bare[:200]
    return f"{stem[: 199 - len(suffix)]}.{suffix}"


def _find_signatures(content: bytes, claim: str) -> Iterator[str]:
    """The types whose signatures the content bears, the surest first."""
    try:
        matches = puremagic.magic_string(content)
    except (puremagic.PureError, ValueError):
        return
    for match in matches:
        found = _BY_SUFFIX.get(match.extension) or _normalise(match.mime_type)
        if match.confidence >= _WEAK or found in {claim, *_find_relatives(claim)}:
            yield found


def _choose(candidates: list[str], claim: str) -> str:
    if candidates[0] not in SAFE_TYPES and claim not in candidates:
        return UNKNOWN
    safe = [candidate for candidate in candidates if candidate in SAFE_TYPES]
    if claim in safe or any(claim in _find_relatives(candidate) for candidate in safe):
        return claim
    return safe[0] if safe else UNKNOWN


def _find_relatives(content_type: str) -> frozenset[str]:
    return next((container for container in _CONTAINERS if content_type in container), frozenset())


def _is_plain_text(content: bytes, name: str, claim: str) -> bool:
    suffix = name.rpartition(".")[2].lower() if "." in name else ""
    if claim not in _TEXT_TYPES or suffix not in _TEXT_SUFFIXES or not content:
        return False
    try:
        text = _Utf8Decoder().decode(content[:_TEXT_HEAD], final=len(content) <= _TEXT_HEAD)
    except UnicodeDecodeError:
        return False
    return _NOT_TEXT.search(text) is None and _MARKUP.search(text) is None


def _normalise(content_type: str) -> str:
    bare = content_type.partition(";")[0].strip().lower()
    return _ALIASES.get(bare, bare)
