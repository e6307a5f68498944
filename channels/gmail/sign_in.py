"""Access tokens for the mailbox: from a refresh token, or from a service account that may act for it."""

import http.client
import json
import threading
from pathlib import Path

import google_auth_httplib2
import httplib2
from google.auth.exceptions import GoogleAuthError, RefreshError
from google.oauth2.credentials import Credentials as UserCredentials
from google.oauth2.service_account import Credentials as ServiceCredentials

from channels.base import SignInNeeded
from channels.gmail.transport import REQUEST_SECONDS, NotReached, OneTimeHttp
from core.channel_settings import GmailSettings

# The least that suffices: reading, watching and searching; and sending.
# https://developers.google.com/workspace/gmail/api/auth/scopes
SCOPES = ("https://www.googleapis.com/auth/gmail.readonly", "https://www.googleapis.com/auth/gmail.send")
TOKEN_FILE = "gmail_token"  # noqa: S105  # a file's name
_HINT = "run `nightdesk gmail authorize`"


class GmailSignIn:
    """Keeps one access token and renews it. For threads: whoever comes first renews it, the others wait.

    After a refusal everything is read afresh, so that signing in again takes effect without a restart.
    """

    def __init__(self, settings: GmailSettings, token_file: Path, *, timeout: float = REQUEST_SECONDS) -> None:
        self._settings = settings
        self._token_file = token_file
        self._timeout = timeout
        self._lock = threading.Lock()
        self._credentials: UserCredentials | ServiceCredentials | None = None

    def read_token(self) -> str:
        """A token that is good for some minutes. Blocks. Raises SignInNeeded or NotReached."""
        with self._lock:
            if self._credentials is None:
                self._credentials = self._load()
            if not self._credentials.valid:
                self._renew(self._credentials)
            return str(self._credentials.token)

    def forget_token(self, token: str) -> None:
        """Gmail does not take this token: the next caller gets another, unless one was fetched meanwhile."""
        with self._lock:
            if self._credentials is not None and self._credentials.token == token:
                self._credentials = None

    def _renew(self, credentials: UserCredentials | ServiceCredentials) -> None:
        try:
            request = google_auth_httplib2.Request(OneTimeHttp(timeout=self._timeout))
            credentials.refresh(request)  # type: ignore[no-untyped-call]
        except RefreshError as error:
            self._credentials = None
            if error.retryable:
                raise NotReached("Google gives out no token at the moment") from None
            raise SignInNeeded(f"Google does not accept the sign-in of this mailbox any more; {_HINT}") from None
        except (
            GoogleAuthError,
            OSError,
            httplib2.HttpLib2Error,
            http.client.HTTPException,
            ValueError,
            TypeError,  # google-auth looks for keys in whatever the endpoint answered, be it a page of HTML
            LookupError,
        ) as error:
            raise NotReached(f"Google's token endpoint: {type(error).__name__}") from None

    def _load(self) -> UserCredentials | ServiceCredentials:
        if self._settings.service_account_file is not None:
            return self._load_service_account(self._settings.service_account_file)
        return UserCredentials(  # type: ignore[no-untyped-call]
            token=None,
            refresh_token=self._read_refresh_token(),
            token_uri=self._settings.token_url,
            client_id=self._settings.client_id,
            client_secret=self._settings.client_secret.get_secret_value() if self._settings.client_secret else None,
        )

    def _load_service_account(self, path: Path) -> ServiceCredentials:
        try:
            key = json.loads(path.read_bytes()) | {"token_uri": self._settings.token_url}
            return ServiceCredentials.from_service_account_info(  # type: ignore[no-any-return,no-untyped-call]
                key, scopes=SCOPES, subject=self._settings.address
            )
        except (OSError, ValueError, TypeError):
            # The reason may quote the key.
            raise SignInNeeded(f"GMAIL_SERVICE_ACCOUNT_FILE: {path.name} is no key of a service account") from None

    def _read_refresh_token(self) -> str:
        if self._settings.refresh_token is not None:
            return self._settings.refresh_token.get_secret_value()
        try:
            token = self._token_file.read_text().strip()
        except (OSError, ValueError):
            token = ""
        if not token:
            raise SignInNeeded(f"nobody has signed in to this mailbox yet; {_HINT}")
        return token
