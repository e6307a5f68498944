"""The two tokens of a person who signed in: one that opens routes for minutes, one that gets the next for weeks.

Both are made from SECRET_KEY; neither is stored anywhere.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import jwt

from core.ids import derive_token, matches_token
from database.queries.sessions import Session
from database.types import SessionId, UserId

_ALGORITHM = "HS256"
_ISSUER = "nightdesk"
_AUDIENCE = "nightdesk-api"
_CLAIMS = ["iss", "aud", "sub", "sid", "iat", "exp"]
_MAX_REFRESH_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class AccessToken:
    """Who an access token is of, the session it belongs to, and the key that signed it."""

    user_id: UserId
    session_id: SessionId
    key_id: UUID


def make_access_token(secret_key: str, token: AccessToken, *, now: datetime, minutes: int) -> str:
    """A JSON Web Token, signed by the key with this id."""
    claims = {
        "iss": _ISSUER,
        "aud": _AUDIENCE,
        "sub": str(token.user_id),
        "sid": str(token.session_id),
        "iat": now,
        "exp": now + timedelta(minutes=minutes),
    }
    return jwt.encode(claims, _derive_key(secret_key, token.key_id), _ALGORITHM, headers={"kid": str(token.key_id)})


class TokenExpired(Exception):
    """We signed this token, and its time is over: its holder has nothing to hide and needs another."""


def read_access_token(secret_key: str, given: str, *, now: datetime) -> AccessToken | None:
    """What a token says if we signed it. Raises TokenExpired. Whether its session still stands is in the database."""
    try:
        key_id = UUID(jwt.get_unverified_header(given)["kid"])
        claims = jwt.decode(
            given,
            _derive_key(secret_key, key_id),
            algorithms=[_ALGORITHM],
            issuer=_ISSUER,
            audience=_AUDIENCE,
            # Its times are compared below, with our clock.
            options={"require": _CLAIMS, "verify_exp": False, "verify_iat": False},
        )
        if claims["exp"] <= now.timestamp():
            raise TokenExpired
        return AccessToken(UserId(UUID(claims["sub"])), SessionId(UUID(claims["sid"])), key_id)
    except (jwt.InvalidTokenError, ValueError, KeyError, TypeError, AttributeError):
        return None


def make_refresh_token(secret_key: str, session: Session) -> str:
    """The token of the session's present generation. The same generation has the same token."""
    return f"{session.id.hex}.{session.generation}.{_prove(secret_key, session.id, session.generation)}"


def read_refresh_token(secret_key: str, given: str) -> tuple[SessionId, int] | None:
    """Session and generation of a token that we made, however old it is."""
    parts = given.split(".") if len(given) <= _MAX_REFRESH_CHARACTERS else []
    try:
        session, generation, proof = parts
        session_id, number = SessionId(UUID(session)), int(generation)
    except ValueError:
        return None
    return (session_id, number) if matches_token(_prove(secret_key, session_id, number), proof) else None


def _derive_key(secret_key: str, key_id: UUID) -> str:
    return derive_token(secret_key, "sign access tokens", str(key_id))


def _prove(secret_key: str, session_id: UUID, generation: int) -> str:
    return derive_token(secret_key, "refresh", f"{session_id}:{generation}")
