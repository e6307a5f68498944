"""Everybody the desk talks to, on loopback, and the settings under which it finds them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.acceptance.processes import find_free_port
from tests.emulators import dovecot as imap
from tests.emulators.dovecot import Dovecot, run_dovecot
from tests.emulators.gmail import ADDRESS, serve_gmail
from tests.emulators.gmail_accounts import CLIENT_ID, CLIENT_SECRET, PUSH_ACCOUNT, REFRESH_TOKEN
from tests.emulators.gmail_rest import Gmail
from tests.emulators.meta import serve_meta
from tests.emulators.meta_cloud import MetaCloud
from tests.emulators.smtp import PASSWORD, USER, SmtpServer, run_smtp_aside
from tests.emulators.twilio import serve_twilio
from tests.emulators.twilio_state import CallbackPlan, State

MAILBOX = USER
SECRET_KEY = "storm-" + "k" * 32


@dataclass(frozen=True, slots=True)
class Vendors:
    """The emulators. `dovecot` is None where it is not installed: then nobody writes to the mailbox."""

    gmail: Gmail
    twilio: State
    meta: MetaCloud
    smtp: SmtpServer
    dovecot: Dovecot | None
    api_port: int

    @property
    def api_url(self) -> str:
        """Where the desk's web process is."""
        return f"http://127.0.0.1:{self.api_port}"

    @property
    def polled(self) -> tuple[str, ...]:
        """The inboxes that the desk looks into; Meta's and the web form's messages are brought."""
        return (ADDRESS, self.twilio.account.number, *([MAILBOX] if self.dovecot else []))

    def configure(self, database_url: str, folder: Path) -> dict[str, str]:
        """The environment of the desk's processes."""
        return {
            "API_PUBLIC_URL": self.api_url,
            "DATABASE_URL": database_url,
            "DATA_DIR": str(folder),
            "SECRET_KEY": SECRET_KEY,
            "AGENT_MAX_REPLIES_PER_HOUR": "1000000",
            "RATE_LIMITS": "false",
            "WORKER_LEASE_SECONDS": "5",
            "WORKER_POLL_SECONDS": "0.2",
            "WORKER_RECONCILE_SECONDS": "2",
            **self._configure_gmail(),
            **self._configure_whatsapp(),
            **(self._configure_mailbox(self.dovecot) if self.dovecot else {}),
        }

    def _configure_gmail(self) -> dict[str, str]:
        return {
            "GMAIL_ADDRESS": ADDRESS,
            "GMAIL_CLIENT_ID": CLIENT_ID,
            "GMAIL_CLIENT_SECRET": CLIENT_SECRET,
            "GMAIL_REFRESH_TOKEN": REFRESH_TOKEN,
            "GMAIL_TOPIC": "projects/desk/topics/gmail",
            "GMAIL_PUSH_ACCOUNT": PUSH_ACCOUNT,
            "GMAIL_PUSH_AUDIENCE": self.api_url,
            "GMAIL_POLL_SECONDS": "5",
            "GMAIL_SENDS_PER_MINUTE": "6000",
            "GMAIL_API_URL": self.gmail.url,
            "GMAIL_TOKEN_URL": f"{self.gmail.url}/token",
            "GMAIL_CERTS_URL": f"{self.gmail.url}/certs",
        }

    def _configure_whatsapp(self) -> dict[str, str]:
        return {
            "TWILIO_ACCOUNT_SID": self.twilio.account.sid,
            "TWILIO_AUTH_TOKEN": self.twilio.account.auth_token,
            "TWILIO_NUMBER": self.twilio.account.number,
            "TWILIO_SENDS_PER_MINUTE": "6000",
            "TWILIO_POLL_SECONDS": "5",
            "TWILIO_API_URL": self.twilio.url,
            "META_PHONE_NUMBER_ID": self.meta.number_id,
            "META_ACCESS_TOKEN": self.meta.token,
            "META_APP_SECRET": self.meta.app_secret,
            "META_VERIFY_TOKEN": "agreed",
            "META_SENDS_PER_MINUTE": "6000",
            "META_API_URL": self.meta.api_url,
        }

    def _configure_mailbox(self, dovecot: Dovecot) -> dict[str, str]:
        return {
            "MAILBOX_ADDRESS": MAILBOX,
            "MAILBOX_PASSWORD": imap.PASSWORD,
            "MAILBOX_IMAP_HOST": "127.0.0.1",
            "MAILBOX_IMAP_PORT": str(dovecot.port),
            "MAILBOX_IMAP_SECURITY": "none",
            "MAILBOX_SMTP_HOST": "127.0.0.1",
            "MAILBOX_SMTP_PORT": str(self.smtp.port),
            "MAILBOX_SMTP_SECURITY": "none",
            "MAILBOX_POLL_SECONDS": "5",
            "MAILBOX_SENDS_PER_MINUTE": "6000",
        }


@asynccontextmanager
async def run_vendors(folder: Path) -> AsyncIterator[Vendors]:
    """All of them for the length of the block."""
    assert imap.PASSWORD == PASSWORD, "one password for IMAP and SMTP"
    async with AsyncExitStack() as stack:
        gmail = await stack.enter_async_context(serve_gmail())
        twilio = await stack.enter_async_context(serve_twilio())
        meta = await stack.enter_async_context(serve_meta())
        # SMTP cannot be asked what became of a mail, so a slow server would leave more in doubt than the desk does.
        smtp = stack.enter_context(run_smtp_aside())
        dovecot = None if imap.find_missing() else stack.enter_context(run_dovecot(folder))
        api_port = find_free_port()
        meta.webhook_url = f"http://127.0.0.1:{api_port}/webhooks/whatsapp/meta"
        meta.states, meta.copies = ("sent", "delivered", "read"), 2
        meta.shuffle_seed = 1
        twilio.plan = CallbackPlan(statuses=["sent", "delivered", "read"], repeat=2, reverse=True)
        gmail.repeats_history = gmail.shuffles_history = True
        yield Vendors(gmail, twilio, meta, smtp, dovecot, api_port)
