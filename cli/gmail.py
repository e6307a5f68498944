"""Signing in to the Gmail mailbox, and how it stands."""

import asyncio
import os
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from pydantic import SecretStr

from channels.base import SignInNeeded, VendorAway
from cli.context import CommandError, prepare
from core.channel_settings import GmailSettings
from core.settings import Settings

if TYPE_CHECKING:
    from requests.adapters import HTTPAdapter

    from channels.gmail.client import GmailClient

app = typer.Typer(help="The Gmail mailbox.", no_args_is_help=True)

T = TypeVar("T")

# https://developers.google.com/identity/protocols/oauth2/native-app
GOOGLE_AUTH_URL = "https://accounts.google.com/o/oauth2/v2/auth"
_TOKEN_SECONDS = 10.0


@app.command("authorize")
def authorize_mailbox(
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Only print the address to open.")] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where Google's answer comes in; 0 is any.")] = 0,
    seconds: Annotated[int, typer.Option(min=1, help="How long to wait for the consent.")] = 300,
    auth_url: Annotated[str, typer.Option(hidden=True)] = GOOGLE_AUTH_URL,
) -> None:
    """Let the desk read and send mail: asks Google for consent, and keeps the refresh token.

    Google's answer comes to this machine. From a server, run it with --port 8085 --no-browser and open the address at
    home behind `ssh -L 8085:127.0.0.1:8085 SERVER`.
    """
    from channels.gmail.sign_in import TOKEN_FILE

    settings = _prepare()
    gmail = settings.gmail
    if gmail.service_account_file is not None:
        raise CommandError("GMAIL_SERVICE_ACCOUNT_FILE is set: a service account needs no consent")
    if gmail.refresh_token is not None:
        raise CommandError("GMAIL_REFRESH_TOKEN is set and would go before the new token; remove it first")
    token = _ask_consent(gmail, auth_url, port=port, seconds=seconds, opens_browser=not no_browser)
    signed_in = gmail.model_copy(update={"refresh_token": SecretStr(token)})
    address = str(_run(_read_profile(settings.model_copy(update={"gmail": signed_in})))["emailAddress"])
    if address.lower() != gmail.address:
        raise CommandError(
            f"signed in as {address}, but GMAIL_ADDRESS is {gmail.address}; nothing was kept. Choose the right account"
        )
    path = settings.data_dir / TOKEN_FILE
    write_secret(path, token)
    typer.echo(f"Signed in as {address}; the token is in {path}.")
    typer.echo("A running desk takes it up by itself. `nightdesk gmail status` shows how the mailbox stands.")


@app.command("status")
def show_status(
    watch: Annotated[
        bool, typer.Option("--watch", help="Renew Gmail's pushes, and show until when they come.")
    ] = False,
) -> None:
    """Which mailbox the desk is signed in to."""
    settings = _prepare()
    gmail = settings.gmail
    address = str(_run(_read_profile(settings))["emailAddress"])
    typer.echo(f"Signed in as {address}.")
    if address.lower() != gmail.address:
        typer.secho(f"GMAIL_ADDRESS is {gmail.address}: pushes for {address} are ignored.", err=True)
    if gmail.topic is None:
        typer.echo(f"No pushes (GMAIL_TOPIC is not set); the mailbox is read every {gmail.poll_seconds:g} seconds.")
    elif watch:
        until = _run(_renew_watch(settings))
        typer.echo(f"Gmail tells {gmail.topic} of news until {until}.")
    else:
        typer.echo(f"Pushes come by {gmail.topic}; --watch renews them and shows until when.")


def write_secret(path: Path, secret: str) -> None:
    """Put a secret into a file that only this user can read, in place of an older one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secret + "\n")
    fresh.replace(path)


def _prepare() -> Settings:
    from channels.gmail.configuration import require_complete

    settings = prepare("gmail", is_quiet=True)
    if settings.gmail.address is None:
        raise CommandError("GMAIL_ADDRESS: expected the address of the mailbox, such as support@example.com")
    require_complete(settings.gmail)
    return settings


def _ask_consent(gmail: GmailSettings, auth_url: str, *, port: int, seconds: int, opens_browser: bool) -> str:
    import webbrowser

    from google_auth_oauthlib.flow import InstalledAppFlow
    from oauthlib.oauth2.rfc6749.errors import OAuth2Error  # type: ignore[import-untyped]

    from channels.gmail.sign_in import SCOPES

    secret = gmail.client_secret.get_secret_value() if gmail.client_secret else None
    client = {
        "client_id": gmail.client_id,
        "client_secret": secret,
        "auth_uri": auth_url,
        "token_uri": gmail.token_url,
    }
    flow = InstalledAppFlow.from_client_config({"installed": client}, SCOPES)
    for scheme in ("https://", "http://"):
        flow.oauth2session.mount(scheme, _make_adapter())
    try:
        credentials = flow.run_local_server(
            host="127.0.0.1",
            port=port,
            open_browser=opens_browser,
            timeout_seconds=seconds,
            authorization_prompt_message="Open this address and allow the desk to read and send mail:\n{url}",
            # Without being asked again, Google gives a refresh token only the first time.
            prompt="consent",
            login_hint=gmail.address,
        )
    except webbrowser.Error:
        raise CommandError("there is no browser here; use --no-browser") from None
    except Warning:  # oauthlib raises it where other scopes come back than were asked for
        raise CommandError("not everything was allowed; run it again and tick both boxes") from None
    except (AttributeError, OAuth2Error, OSError) as error:  # the first is the library's when time is up
        raise CommandError(f"no consent came ({type(error).__name__}); run it again") from None
    if not credentials.refresh_token:
        raise CommandError("Google gave no refresh token; remove the desk's access in the Google account and try again")
    return str(credentials.refresh_token)


def _make_adapter() -> "HTTPAdapter":
    from requests import PreparedRequest, Response
    from requests.adapters import HTTPAdapter

    class TimedAdapter(HTTPAdapter):
        """The library calls Google's token endpoint without a timeout."""

        def send(  # noqa: PLR0917  # as it is called
            self,
            request: PreparedRequest,
            stream: bool = False,
            timeout: Any = None,  # noqa: ANN401  # its own types are private
            verify: bool | str = True,
            cert: Any = None,  # noqa: ANN401
            proxies: Any = None,  # noqa: ANN401
        ) -> Response:
            return super().send(request, stream, timeout or _TOKEN_SECONDS, verify, cert, proxies)

    return TimedAdapter()


async def _read_profile(settings: Settings) -> dict[str, Any]:
    from channels.gmail.client import read_profile

    return await read_profile(_make_client(settings))


async def _renew_watch(settings: Settings) -> str:
    from channels.gmail import build

    (poller,) = build(settings).pollers
    until = await poller.watch()
    return until.isoformat(timespec="minutes") if until else ""


def _make_client(settings: Settings) -> "GmailClient":
    from channels.gmail.client import GmailClient
    from channels.gmail.sign_in import TOKEN_FILE, GmailSignIn

    return GmailClient(settings.gmail.api_url, GmailSignIn(settings.gmail, settings.data_dir / TOKEN_FILE))


def _run(question: Coroutine[Any, Any, T]) -> T:
    from channels.gmail.refusal import GmailRefused

    try:
        return asyncio.run(question)
    except SignInNeeded as error:
        raise CommandError(str(error)) from None
    except (GmailRefused, VendorAway) as error:
        raise CommandError(f"Gmail cannot be asked at the moment: {error}") from None
