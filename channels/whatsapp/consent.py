"""The words by which a customer ends or resumes our messages, whoever carries them."""

import re

# Only words that mean nothing else to a support desk. Twilio's list for SMS has CANCEL, END and YES as well
# (https://www.twilio.com/docs/messaging/tutorials/advanced-opt-out); here they may answer a question about an order,
# and whoever sent one would wait for a reply that is never sent.
_STOP = frozenset({"stop", "stopall", "stop all", "stopp", "unsubscribe", "optout", "opt out", "opt-out"})
_START = frozenset({"start", "unstop", "resubscribe", "optin", "opt in", "opt-in"})
_SPACES = re.compile(r"\s+")


def read_consent(text: str) -> bool | None:
    """False if the whole message asks us to stop, True if it asks for more, None if it is an ordinary message.

    Case, outer punctuation and the amount of white space do not matter. `Please stop the invoice` is ordinary.
    """
    words = _SPACES.sub(" ", text[:100]).strip(" .!\"'“”").casefold()
    if words in _STOP:
        return False
    if words in _START:
        return True
    return None
