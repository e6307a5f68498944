"""Identifiers and the secrets derived from them."""

import hmac
from hashlib import sha256
from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    """A UUIDv7: unique everywhere, and rising with time so that B-tree inserts stay at one end."""
    return uuid7()


def derive_id(*parts: str) -> UUID:
    """The UUIDv8 of these parts, the same everywhere: the first bits of their SHA-256 with NUL between them."""
    digest = bytearray(sha256("\0".join(parts).encode()).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x80  # version 8, RFC 9562
    digest[8] = digest[8] & 0x3F | 0x80  # its variant
    return UUID(bytes=bytes(digest))


def derive_token(secret: str, purpose: str, subject: str) -> str:
    """A 256-bit token, in hexadecimal, that only the holder of `secret` can make for this purpose and subject.

    Nothing is stored: the same subject always has the same token, so a repeated request can be answered alike.
    """
    return hmac.digest(secret.encode(), f"{purpose}:{subject}".encode(), "sha256").hex()


def derive_code(secret: str, subject: str) -> str:
    """Six digits that only the holder of `secret` can make for this subject; few, so attempts must be limited."""
    return f"{int(derive_token(secret, 'code', subject), 16) % 1_000_000:06d}"


def matches_token(expected: str, given: str) -> bool:
    """Compare in constant time, so that response times do not reveal a token piece by piece."""
    return hmac.compare_digest(expected.encode(), given.encode())


def hash_secret(secret: str) -> str:
    """SHA-256 in hexadecimal, for secrets that are random already (API keys), never for passwords."""
    return sha256(secret.encode()).hexdigest()
