"""The outbox: replies that are committed and unsent, claimed with a lease, in order per conversation.

A reply is sent once. Where nobody can tell whether a send happened, the vendor is asked, and where it cannot be asked a
person decides; what vendors report later moves the reply on and never back.
"""

from database.outbox.doubt import (
    Doubtful,
    ask_again,
    claim_doubtful,
    confirm_sent,
    doubt_older,
    list_undelivered,
    measure_undelivered,
    recover_expired,
    send_again,
)
from database.outbox.rates import pause, take_slot
from database.outbox.send import (
    MAX_ATTEMPTS,
    DeliveryLeaseLost,
    GivenUp,
    add,
    claim,
    give_up,
    mark_doubtful,
    mark_handed,
    mark_sent,
    postpone,
    retry,
)
from database.outbox.status import (
    apply_status,
    close_window,
    find_reply,
    has_invitation,
    reopen_if_written,
    reopen_window,
    retry_reported,
)

__all__ = [
    "MAX_ATTEMPTS",
    "DeliveryLeaseLost",
    "Doubtful",
    "GivenUp",
    "add",
    "apply_status",
    "ask_again",
    "claim",
    "claim_doubtful",
    "close_window",
    "confirm_sent",
    "doubt_older",
    "find_reply",
    "give_up",
    "has_invitation",
    "list_undelivered",
    "mark_doubtful",
    "mark_handed",
    "mark_sent",
    "measure_undelivered",
    "pause",
    "postpone",
    "recover_expired",
    "reopen_if_written",
    "reopen_window",
    "retry",
    "retry_reported",
    "send_again",
    "take_slot",
]
