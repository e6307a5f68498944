"""Google's side of signing in: OAuth consent and tokens, service accounts, certificates, and signed pushes."""

import base64
import hashlib
import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from google.auth import crypt, jwt

from benchmarks.certificates import make_signing_pair

CLIENT_ID = "desk.apps.example.com"
CLIENT_SECRET = "client-secret"
REFRESH_TOKEN = "1//refresh"
PUSH_ACCOUNT = "pusher@desk.iam.example.com"
SERVICE_ACCOUNT = "desk@desk.iam.example.com"


class Refused(Exception):
    """The token endpoint answers 400 with this error."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One of Google's keys with its certificate."""

    id: str
    private_pem: str
    certificate_pem: str

    def sign(self, claims: dict[str, Any], **header: str) -> str:
        """A token."""
        signer = crypt.RSASigner.from_string(self.private_pem, self.id)  # type: ignore[no-untyped-call]
        token: bytes = jwt.encode(signer, claims, header=dict(header))  # type: ignore[no-untyped-call]
        return token.decode()


@dataclass(slots=True)
class Accounts:
    """Who is who, and which tokens are good."""

    email: str
    is_revoked: bool = False
    granted_scopes: str | None = None
    signing_keys: list[SigningKey] = field(default_factory=lambda: [make_signing_key("key-1")])
    service_key: SigningKey | None = None
    access_tokens: dict[str, str] = field(default_factory=dict)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def consent(self, query: dict[str, str]) -> str:
        """The code for a consent that the person gave at once."""
        if query.get("client_id") != CLIENT_ID or query.get("response_type") != "code":
            raise Refused("invalid_request")
        code = secrets.token_urlsafe(12)
        self.codes[code] = query
        return code

    def give_token(self, form: dict[str, str]) -> dict[str, Any]:
        """The answer of the token endpoint."""
        grants = {
            "refresh_token": self._check_refresh,
            "authorization_code": self._check_code,
            "urn:ietf:params:oauth:grant-type:jwt-bearer": self._check_assertion,
        }
        check = grants.get(form.get("grant_type", ""))
        if check is None:
            raise Refused("unsupported_grant_type")
        answer = check(form)
        token = f"ya29.{secrets.token_urlsafe(12)}"
        self.access_tokens[token] = answer.pop("email", self.email)
        return {"access_token": token, "expires_in": 3599, "token_type": "Bearer", **answer}

    def whose(self, header: str) -> str | None:
        """The mailbox that a bearer token opens."""
        return self.access_tokens.get(header.removeprefix("Bearer "))

    def rotate(self) -> None:
        """Google signs with a new key from now on; the old one stays good."""
        self.signing_keys.append(make_signing_key(f"key-{len(self.signing_keys) + 1}"))

    def make_service_account(self) -> dict[str, str]:
        """The key file of a service account that may act for the mailbox."""
        self.service_key = make_signing_key("service-key")
        return {
            "type": "service_account",
            "client_email": SERVICE_ACCOUNT,
            "private_key_id": self.service_key.id,
            "private_key": self.service_key.private_pem,
            "token_uri": "https://oauth2.googleapis.com/token",
        }

    def make_push_token(self, audience: str, **changes: Any) -> str:
        """What stands behind `Authorization: Bearer` in a push. A claim changed to None is left out."""
        now = int(time.time())
        claims = {
            "aud": audience,
            "azp": "113774264463038321964",
            "email": PUSH_ACCOUNT,
            "email_verified": True,
            "exp": now + 3600,
            "iat": now,
            "iss": "https://accounts.google.com",
            "sub": "113774264463038321964",
        } | changes
        return self.signing_keys[-1].sign({name: value for name, value in claims.items() if value is not None})

    def _check_refresh(self, form: dict[str, str]) -> dict[str, Any]:
        _check_client(form)
        if self.is_revoked or form.get("refresh_token") != REFRESH_TOKEN:
            raise Refused("invalid_grant")
        return {"scope": form.get("scope", "")}

    def _check_code(self, form: dict[str, str]) -> dict[str, Any]:
        _check_client(form)
        asked = self.codes.pop(form.get("code", ""), None)
        if asked is None or asked["redirect_uri"] != form.get("redirect_uri"):
            raise Refused("invalid_grant")
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if base64.urlsafe_b64encode(digest).decode().rstrip("=") != asked.get("code_challenge"):
            raise Refused("invalid_grant")
        answer = {"scope": self.granted_scopes or asked["scope"]}
        return answer | ({"refresh_token": REFRESH_TOKEN} if asked.get("access_type") == "offline" else {})

    def _check_assertion(self, form: dict[str, str]) -> dict[str, Any]:
        if self.service_key is None:
            raise Refused("invalid_grant")
        try:
            claims = jwt.decode(  # type: ignore[no-untyped-call]
                form.get("assertion", ""),
                self.service_key.certificate_pem,
                audience="https://oauth2.googleapis.com/token",
            )
        except ValueError:
            raise Refused("invalid_grant") from None
        if self.is_revoked or claims["iss"] != SERVICE_ACCOUNT or claims.get("sub") != self.email:
            raise Refused("unauthorized_client")
        return {"scope": claims["scope"], "email": claims["sub"]}


def _check_client(form: dict[str, str]) -> None:
    if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
        raise Refused("invalid_client")


def make_signing_key(key_id: str) -> SigningKey:
    """A key pair with a self-signed certificate."""
    private, certificate = make_signing_pair("federated-signon.system.gserviceaccount.com")
    return SigningKey(key_id, private, certificate)


def make_push(address: str, history_id: object, *, message_id: str = "136969346945") -> bytes:
    """The body of a push, as Pub/Sub wraps it."""
    notice = json.dumps({"emailAddress": address, "historyId": history_id}).encode()
    moment = "2026-11-21T12:00:00.123Z"
    message = {
        "data": base64.urlsafe_b64encode(notice).decode(),
        "messageId": message_id,
        "message_id": message_id,
        "publishTime": moment,
        "publish_time": moment,
    }
    return json.dumps({"message": message, "subscription": "projects/desk/subscriptions/gmail"}).encode()
