"""Gmail: pushes from Pub/Sub, the mailbox's history, and replies in the customer's thread."""

from channels.base import ChannelKit
from channels.gmail.certificates import Certificates
from channels.gmail.client import GmailClient
from channels.gmail.configuration import require_audience, require_complete
from channels.gmail.examine import GmailExaminer
from channels.gmail.poll import GmailPoller
from channels.gmail.push import GmailPush
from channels.gmail.reconcile import GmailReconciler
from channels.gmail.send import GmailSender
from channels.gmail.sign_in import TOKEN_FILE, GmailSignIn
from channels.mail.account import MailAccount
from channels.mail.write import MailWriter
from core.settings import Settings

# How Gmail signs its Authentication-Results.
AUTHENTICATOR = "mx.google.com"


def build(settings: Settings) -> ChannelKit:
    """The Gmail channel; without GMAIL_ADDRESS it neither reads nor sends.

    Raises OperatorError where it is configured in part. A mailbox that nobody has signed in to yet is built all the
    same, and says so when it is used: the rest of the desk works, and no restart is needed afterwards.
    """
    gmail = settings.gmail
    require_complete(gmail)
    require_audience(gmail, settings.api.public_url)
    if gmail.address is None:
        return ChannelKit("gmail", MailWriter())
    account = MailAccount("gmail", gmail.address, settings.company.name, authenticator=AUTHENTICATOR)
    token_file = settings.data_dir / TOKEN_FILE
    client = GmailClient(gmail.api_url, GmailSignIn(gmail, token_file))
    poller = GmailPoller(
        client,
        account,
        poll_seconds=gmail.poll_seconds,
        topic=gmail.topic,
        max_file_bytes=settings.attachment.max_bytes,
    )
    return ChannelKit(
        "gmail",
        MailWriter(),
        sender=GmailSender(client, account),
        reconciler=GmailReconciler(client, account),
        receivers={"gmail": GmailPush(gmail, account, Certificates(gmail.certs_url))},
        pollers=(poller,),
        sends_per_minute=gmail.sends_per_minute,
        examiners=(GmailExaminer(gmail, token_file),),
    )
