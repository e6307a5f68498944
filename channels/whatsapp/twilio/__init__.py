"""WhatsApp through Twilio: signed webhooks, the Messages resource, and files behind a password."""

from core.channel_settings import TwilioSettings


def is_configured(settings: TwilioSettings) -> bool:
    """Whether there is an account, its password and a number of ours."""
    return None not in {settings.account_sid, settings.number} and settings.auth_token is not None
