"""When a mailbox is configured, and what is refused before anything is sent over a wire."""

import pytest
from pydantic import SecretStr

from benchmarks.letters import write_letter
from channels import mailbox
from channels.mailbox import build_access
from channels.mailbox.poll import MailboxPoller
from core.channel_settings import AttachmentSettings, MailboxSettings
from core.errors import OperatorError
from core.settings import CompanySettings, Settings
from database.types import Source

WHOLE = MailboxSettings(
    address="support@example.com",
    password=SecretStr("hush"),
    imap_host="imap.example.com",
    smtp_host="smtp.example.com",
    poll_seconds=30,
    sends_per_minute=7,
)


def make_settings(settings: MailboxSettings) -> Settings:
    """Settings that differ from the defaults in the mailbox alone."""
    return Settings.model_construct(mailbox=settings, company=CompanySettings())


def test_without_settings_the_channel_can_write_and_nothing_else() -> None:
    kit = mailbox.build(make_settings(MailboxSettings()))
    assert (kit.name, kit.sender, kit.pollers, kit.reconciler) == ("mailbox", None, (), None)


def test_a_configured_mailbox_reads_and_sends() -> None:
    kit = mailbox.build(make_settings(WHOLE))
    assert kit.sender is not None
    assert not kit.sender.is_repeatable
    (poller,) = kit.pollers
    assert isinstance(poller, MailboxPoller)
    assert (poller.channel, poller.inbox, poller.poll_seconds) == ("mailbox", "support@example.com", 30)
    assert kit.sends_per_minute == 7


def test_files_are_kept_up_to_the_size_that_is_configured() -> None:
    settings = make_settings(WHOLE).model_copy(update={"attachment": AttachmentSettings(max_bytes=2048)})
    (poller,) = mailbox.build(settings).pollers
    mail = write_letter()
    for content in (b"x" * 2048, b"y" * 2049):
        mail.add_attachment(content, maintype="application", subtype="octet-stream", filename="file.bin")
    (message,) = poller.parse(Source("mailbox", "support@example.com", "7:42", mail.as_bytes())).messages
    assert [file.problem for file in message.attachments] == [None, "larger than 2,048 bytes"]


@pytest.mark.parametrize("missing", ["address", "password", "imap_host", "smtp_host"])
def test_a_mailbox_that_is_configured_in_part_names_what_is_missing(missing: str) -> None:
    with pytest.raises(OperatorError, match=f"^MAILBOX_{missing.upper()}: "):
        mailbox.build(make_settings(WHOLE.model_copy(update={missing: None})))


@pytest.mark.parametrize("protocol", ["imap", "smtp"])
@pytest.mark.parametrize("host", ["mail.example.com", "10.0.0.1", "localhost.example.com"])
def test_passwords_go_over_the_network_encrypted_or_not_at_all(protocol: str, host: str) -> None:
    unsafe = WHOLE.model_copy(update={f"{protocol}_security": "none", f"{protocol}_host": host})
    with pytest.raises(OperatorError, match=f"MAILBOX_{protocol.upper()}_SECURITY"):
        mailbox.build(make_settings(unsafe))


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.8.8", "::1"])
def test_a_server_on_this_machine_may_do_without_encryption(host: str) -> None:
    local = WHOLE.model_copy(
        update={"imap_security": "none", "imap_host": host, "smtp_security": "none", "smtp_host": host}
    )
    imap, smtp, _ = build_access(local, CompanySettings())
    assert imap.tls is None
    assert smtp.security == "none"


def test_the_address_signs_in_where_no_user_is_named() -> None:
    imap, smtp, account = build_access(WHOLE, CompanySettings())
    assert (imap.user, smtp.user, account.address) == ("support@example.com",) * 3
    imap, smtp, _ = build_access(WHOLE.model_copy(update={"user": "u123"}), CompanySettings())
    assert (imap.user, smtp.user) == ("u123", "u123")


def test_the_context_for_tls_verifies_who_answers() -> None:
    imap, smtp, _ = build_access(WHOLE, CompanySettings())
    assert imap.tls is not None
    assert all(context.check_hostname for context in (imap.tls, smtp.tls))
