"""Any mailbox: read over IMAP, answered over SMTP."""

import ssl
from ipaddress import ip_address

from channels.base import ChannelKit
from channels.mail.account import MailAccount
from channels.mail.write import MailWriter
from channels.mailbox.examine import ImapExaminer, SmtpExaminer
from channels.mailbox.imap import ImapAccess
from channels.mailbox.poll import MailboxPoller
from channels.mailbox.send import MailboxSender, SmtpAccess
from core.channel_settings import MailboxSettings
from core.errors import OperatorError
from core.settings import CompanySettings, Settings

_REQUIRED = ("address", "password", "imap_host", "smtp_host")


def build(settings: Settings) -> ChannelKit:
    """The mailbox channel; without any of MAILBOX_* it neither reads nor sends.

    Nothing is connected here. Raises OperatorError where only a part is configured, or in a way that is not safe.
    """
    mailbox = settings.mailbox
    if all(getattr(mailbox, name) is None for name in (*_REQUIRED, "user")):
        return ChannelKit("mailbox", MailWriter())
    imap, smtp, account = build_access(mailbox, settings.company)
    sender = MailboxSender(smtp, account)
    return ChannelKit(
        "mailbox",
        MailWriter(),
        sender,
        pollers=(
            MailboxPoller(
                imap, account, poll_seconds=mailbox.poll_seconds, max_file_bytes=settings.attachment.max_bytes
            ),
        ),
        sends_per_minute=mailbox.sends_per_minute,
        examiners=(ImapExaminer(imap), SmtpExaminer(sender, smtp)),
    )


def build_access(
    mailbox: MailboxSettings, company: CompanySettings, tls: ssl.SSLContext | None = None
) -> tuple[ImapAccess, SmtpAccess, MailAccount]:
    """How the mailbox is reached. `tls` decides which certificates are believed: by default those of public names."""
    address, password = mailbox.address, mailbox.password
    imap_host, smtp_host = mailbox.imap_host, mailbox.smtp_host
    if address is None or password is None or imap_host is None or smtp_host is None:
        missing = ", ".join(f"MAILBOX_{name.upper()}" for name in _REQUIRED if getattr(mailbox, name) is None)
        raise OperatorError(f"{missing}: expected, because other settings of the mailbox are there")
    for protocol, host, security in (
        ("IMAP", imap_host, mailbox.imap_security),
        ("SMTP", smtp_host, mailbox.smtp_security),
    ):
        if security == "none" and not _is_loopback(host):
            raise OperatorError(f"MAILBOX_{protocol}_SECURITY: none is allowed on this machine's own addresses alone")
    user = mailbox.user or address
    tls = tls or ssl.create_default_context()
    return (
        ImapAccess(
            host=imap_host,
            port=mailbox.imap_port,
            user=user,
            password=password,
            folder=mailbox.folder,
            tls=tls if mailbox.imap_security == "tls" else None,
        ),
        SmtpAccess(
            host=smtp_host,
            port=mailbox.smtp_port,
            user=user,
            password=password,
            security=mailbox.smtp_security,
            tls=tls,
        ),
        MailAccount(
            channel="mailbox",
            address=address,
            name=f"{company.name} {company.team}",
            authenticator=mailbox.authenticator,
        ),
    )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
