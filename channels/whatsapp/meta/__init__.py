"""WhatsApp straight from Meta: the Cloud API."""

from core.channel_settings import MetaSettings


def is_configured(settings: MetaSettings) -> bool:
    """Whether there is a number to send from and a token to send with."""
    return settings.phone_number_id is not None and settings.access_token is not None
