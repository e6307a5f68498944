"""Who a mail is from, and how far that can be believed."""

import re

from channels.base import MalformedSource
from channels.mail.account import MailAccount
from channels.mail.headers import Headers, MailAddress, decode_words
from channels.mail.proof import is_vouched_for
from database.types import Identity

# The two ways to write one sender that every mail program reads alike. Whatever else the library may make an address
# of, the server that checked the signature may have read otherwise: it is no ground for proof.
_PLAIN_FROM = re.compile(
    r"""\s*(?:(?P<name>"(?:[^"\\]|\\.)*"|[^"<>@,;:()\[\]\\]*)\s*<(?P<shown>[^\s<>"(),;:\\]+)>|(?P<bare>[^\s<>"(),;:\\]+))\s*"""
)


def read_sender(headers: Headers, account: MailAccount) -> Identity:
    """The sender named by From, proven only where the account's own server vouches for the domain.

    Where From names nobody, Sender and Return-Path are taken, which prove nothing. Reply-To never counts: anyone may
    put the address of another customer there. Raises MalformedSource where no address can be found at all.
    """
    found = next(
        (found[0] for name in ("From", "Sender", "Return-Path") if (found := headers.list_addresses(name))), None
    )
    if found is None:
        raise MalformedSource("the mail names no sender that could be answered")
    is_proven = is_vouched_for(
        headers.list_raw("Authentication-Results"), _read_plain_domain(headers, found), account.authenticator
    )
    return Identity(
        kind="email",
        value=found.address,
        level="proven" if is_proven else "channel_asserted",
        name=found.name[:200],
    )


def _read_plain_domain(headers: Headers, found: MailAddress) -> str:
    """The domain to be proven, or an empty string where From does not plainly name this one address."""
    fields = headers.list_raw("From")
    match = _PLAIN_FROM.fullmatch(fields[0]) if len(fields) == 1 else None
    if match is None or (match["shown"] or match["bare"]).lower() != found.address:
        return ""
    # A name that looks like an address is what the reader believes, and some servers, too.
    return "" if "@" in decode_words(match["name"] or "") else found.address.rpartition("@")[2]
