"""Identifiers and the secrets derived from them."""

import hmac
from hashlib import sha256
from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    """A UUIDv7: unique everywhere, and rising with time so that B-tree inserts stay at one end."""
    return uuid7()


def derive_token(secret: str, purpose: str, subject: str) -> str:
    """A 256-bit token, in hexadecimal, that only the holder of `secret` can make for this purpose and subject.

    Nothing is stored: the same subject always has the same token, so a repeated request can be answered alike.
    """
    return hmac.digest(secret.encode(), f"{purpose}:{subject}".encode(), "sha256").hex()


def matches_token(expected: str, given: str) -> bool:
    """Compare in constant time, so that response times do not reveal a token piece by piece."""
    return hmac.compare_digest(expected.encode(), given.encode())


def hash_secret(secret: str) -> str:
    """SHA-256 in hexadecimal, for secrets that are random already (API keys), never for passwords."""
    return sha256(secret.encode()).hexdigest()
