"""What vendors do wrong by themselves in a storm: refuse, hang up after accepting, answer in HTML, be slow."""

import random

from tests.emulators.gmail_faults import Fault as GmailFault
from tests.emulators.smtp import Stage
from tests.emulators.twilio_state import Fault as TwilioFault
from tests.storm.vendors import Vendors

_GMAIL_OPERATIONS = ("messages.send", "messages.send", "history.list", "messages.get", "threads.get")
_GMAIL_FAULTS = (
    GmailFault("slow", seconds=0.3),
    GmailFault("error", status=429, reason="rateLimitExceeded"),
    GmailFault("html", status=503),
    GmailFault("refuse"),
    GmailFault("drop"),
    GmailFault("garble"),
)
_TWILIO_FAULTS = (
    TwilioFault("create", "error", status=429, code=20429),
    TwilioFault("create", "html"),
    TwilioFault("create", "drop"),
    TwilioFault("create", "accepted_drop"),
    TwilioFault("create", "accepted_html"),
    TwilioFault("create", "accepted_garbled"),
    TwilioFault("list", "html"),
)
# Not "refuse": Meta cannot be asked, so what it never accepted and never answered stays in doubt for good.
_META_FAULTS = ("slow:0.3", "429", "error:131056", "drop", "accept-500")
_SMTP_FAULTS: tuple[tuple[Stage, str], ...] = (
    ("RCPT", "451 4.7.1 later"),
    ("MAIL", "421 4.3.2 busy"),
    ("DATA", "452 4.3.1 full"),
)
# SMTP cannot be asked what became of a mail, so each of these leaves one in doubt for good.
_MAILS_PER_DOUBT = 400


class Weather:
    """One fault at a time, at one vendor."""

    def __init__(self, vendors: Vendors, chance: random.Random, *, messages: int) -> None:
        self._vendors = vendors
        self._chance = chance
        self._doubts_left = messages // _MAILS_PER_DOUBT

    def turn(self) -> None:
        """Plan the next fault."""
        self._chance.choice((self._trouble_gmail, self._trouble_twilio, self._trouble_meta, self._trouble_smtp))()

    def clear(self) -> None:
        """No fault that was planned and has not happened yet will."""
        self._vendors.gmail.faults.planned.clear()
        self._vendors.twilio.faults.clear()
        self._vendors.meta.faults.clear()
        self._vendors.smtp.faults.clear()

    def _trouble_gmail(self) -> None:
        self._vendors.gmail.faults.plan(self._chance.choice(_GMAIL_OPERATIONS), self._chance.choice(_GMAIL_FAULTS))

    def _trouble_twilio(self) -> None:
        self._vendors.twilio.faults.append(self._chance.choice(_TWILIO_FAULTS))

    def _trouble_meta(self) -> None:
        self._vendors.meta.break_next("messages", self._chance.choice(_META_FAULTS))

    def _trouble_smtp(self) -> None:
        if self._doubts_left and self._chance.random() < 0.2:
            self._doubts_left -= 1
            self._vendors.smtp.fail("DATA", "drop", accepts=True)
            return
        self._vendors.smtp.fail(*self._chance.choice(_SMTP_FAULTS))
