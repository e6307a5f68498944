"""The settings of the channels: which accounts, and how each is reached."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field, PositiveInt, SecretStr

from core.setting_types import Address, HttpUrl


class GmailSettings(BaseModel):
    """One Gmail mailbox. Signed in by an OAuth refresh token, or by a service account that may act for it.

    `push_account` is the exact address of the service account that signs Pub/Sub's pushes. `sends_per_minute` follows
    https://developers.google.com/workspace/gmail/api/reference/quota: 6,000 units, 100 a send, 20 a mail read.
    """

    address: Address | None = None
    client_id: str | None = None
    client_secret: SecretStr | None = None
    refresh_token: SecretStr | None = None
    service_account_file: Path | None = None
    topic: Annotated[str, Field(pattern=r"^projects/[^/]+/topics/[^/]+$")] | None = None
    push_account: Address | None = None
    push_audience: str | None = None
    poll_seconds: Annotated[float, Field(ge=5)] = 60.0
    sends_per_minute: PositiveInt = 45
    api_url: HttpUrl = "https://gmail.googleapis.com"
    token_url: HttpUrl = "https://oauth2.googleapis.com/token"  # noqa: S105  # an address
    certs_url: HttpUrl = "https://www.googleapis.com/oauth2/v1/certs"


class TwilioSettings(BaseModel):
    """WhatsApp through Twilio. `number` is ours, in E.164; `template_sid` is the Content template that invites back.

    `signing_keys` are shared keys for the newer signature header, by their SIDs.
    """

    account_sid: Annotated[str, Field(pattern=r"^AC[0-9a-fA-F]{32}$")] | None = None
    auth_token: SecretStr | None = None
    signing_keys: dict[str, SecretStr] = {}
    number: Annotated[str, Field(pattern=r"^\+[1-9]\d{6,14}$")] | None = None
    template_sid: Annotated[str, Field(pattern=r"^HX[0-9a-fA-F]{32}$")] | None = None
    sends_per_minute: PositiveInt = 600
    poll_seconds: Annotated[float, Field(ge=5)] = 300.0
    require_signature: bool = True
    api_url: HttpUrl = "https://api.twilio.com"


class MetaSettings(BaseModel):
    """WhatsApp Cloud API, straight from Meta. `template_name` is the approved template that invites back."""

    phone_number_id: Annotated[str, Field(pattern=r"^\d{5,25}$")] | None = None
    access_token: SecretStr | None = None
    app_secret: SecretStr | None = None
    verify_token: SecretStr | None = None
    template_name: str | None = None
    template_language: str = "en"
    sends_per_minute: PositiveInt = 1_000
    api_url: HttpUrl = "https://graph.facebook.com/v23.0"


class MailboxSettings(BaseModel):
    """Any mailbox: read over IMAP, answered over SMTP.

    `authenticator` is the name by which the receiving server signs its Authentication-Results; without it no sender
    is ever proven. `imap_security` and `smtp_security` allow `none` on loopback alone.
    """

    address: Address | None = None
    user: str | None = None
    password: SecretStr | None = None
    imap_host: str | None = None
    imap_port: Annotated[int, Field(ge=1, le=65535)] = 993
    imap_security: Literal["tls", "none"] = "tls"
    folder: str = "INBOX"
    smtp_host: str | None = None
    smtp_port: Annotated[int, Field(ge=1, le=65535)] = 465
    smtp_security: Literal["tls", "starttls", "none"] = "tls"
    authenticator: str | None = None
    poll_seconds: Annotated[float, Field(ge=5)] = 60.0
    sends_per_minute: PositiveInt = 60


class AttachmentSettings(BaseModel):
    """Files that come with messages."""

    max_bytes: Annotated[int, Field(ge=1024, le=20 * 1024 * 1024)] = 20 * 1024 * 1024
