"""Who calls, where proxies stand in front: they are believed only as far as they are ours."""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class TrustedProxies:
    """Puts the client's address and scheme in the place of a trusted proxy's, for everything that comes after.

    The chain of X-Forwarded-For is read from its end, the only part that our own proxies have written: whatever a
    client puts in front of it is never reached.
    """

    def __init__(self, app: ASGIApp, trusted: Sequence[Network]) -> None:
        self._app = app
        self._trusted = trusted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "http" and self._trusted:
            peer = parse_address(scope["client"][0]) if scope["client"] else None
            if peer is not None and is_within(peer, self._trusted):
                headers = Headers(scope=scope)
                client = find_client(peer, headers.getlist("x-forwarded-for"), self._trusted)
                scheme = headers.get("x-forwarded-proto", "").rpartition(",")[2].strip().lower()
                scope["client"] = (str(client), 0)
                if scheme in {"http", "https"}:
                    scope["scheme"] = scheme
        await self._app(scope, receive, send)


def find_client(peer: Address, forwarded_for: Iterable[str], trusted: Sequence[Network]) -> Address:
    """The last address of the chain that is no proxy of ours. What cannot be read ends the chain before it."""
    client = peer
    for text in reversed(",".join(forwarded_for).split(",")):
        if not is_within(client, trusted):
            break
        found = parse_address(text)
        if found is None:
            break
        client = found
    return client


def is_within(address: Address, networks: Sequence[Network]) -> bool:
    """Whether the address is of one of these networks."""
    return any(address in network for network in networks)


def parse_address(text: str) -> Address | None:
    """An address as proxies write it: with a port or without, in brackets or without."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def read_client(request: Request) -> Address | None:
    """The address of whom a request comes from, past our own proxies. None over a Unix socket."""
    return parse_address(request.client.host) if request.client else None
