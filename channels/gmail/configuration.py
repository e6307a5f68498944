"""Whether the settings of a Gmail mailbox are complete."""

from core.channel_settings import GmailSettings
from core.errors import OperatorError

_NEED_ADDRESS = (
    "client_id",
    "client_secret",
    "refresh_token",
    "service_account_file",
    "topic",
    "push_account",
    "push_audience",
)


def require_complete(gmail: GmailSettings) -> None:
    """Raise OperatorError that names what is missing, or what contradicts itself."""
    if gmail.address is not None:
        _require_one_sign_in(gmail)
        _require_whole_push(gmail)
        return
    given = [f"GMAIL_{name.upper()}" for name in _NEED_ADDRESS if getattr(gmail, name) is not None]
    if given:
        raise OperatorError(f"GMAIL_ADDRESS: expected, since {', '.join(given)} is set")


def require_audience(gmail: GmailSettings, public_url: str | None) -> None:
    """Raise OperatorError where nothing of ours says for whom pushes are meant.

    The only other source is the request's own Host header: whoever sends it could name whatever desk a token of our
    push account was made for.
    """
    if gmail.push_account is not None and gmail.push_audience is None and public_url is None:
        raise OperatorError("GMAIL_PUSH_AUDIENCE: expected with GMAIL_PUSH_ACCOUNT, unless API_PUBLIC_URL is set")


def _require_one_sign_in(gmail: GmailSettings) -> None:
    oauth = {
        "GMAIL_CLIENT_ID": gmail.client_id,
        "GMAIL_CLIENT_SECRET": gmail.client_secret,
        "GMAIL_REFRESH_TOKEN": gmail.refresh_token,
    }
    if gmail.service_account_file is None:
        missing = [name for name in ("GMAIL_CLIENT_ID", "GMAIL_CLIENT_SECRET") if oauth[name] is None]
        if missing:
            raise OperatorError(
                f"{', '.join(missing)}: expected with GMAIL_ADDRESS, unless GMAIL_SERVICE_ACCOUNT_FILE is set"
            )
        return
    double = [name for name, value in oauth.items() if value is not None]
    if double:
        raise OperatorError(f"GMAIL_SERVICE_ACCOUNT_FILE: expected alone, but {', '.join(double)} is set as well")
    if not gmail.service_account_file.is_file():
        raise OperatorError("GMAIL_SERVICE_ACCOUNT_FILE: expected a file, the key of a service account")


def _require_whole_push(gmail: GmailSettings) -> None:
    push = {"GMAIL_TOPIC": gmail.topic, "GMAIL_PUSH_ACCOUNT": gmail.push_account}
    absent = [name for name, value in push.items() if value is None]
    is_started = len(absent) < len(push) or gmail.push_audience is not None
    if absent and is_started:
        raise OperatorError(f"{', '.join(absent)}: expected, since pushes are configured in part")
