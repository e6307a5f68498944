"""URLs of databases: libpq's, with one host or several. Errors never repeat the URL, which holds a password."""

from typing import Annotated
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from pydantic import AfterValidator

_FOR_WRITING = ("read-write", "primary", "any")
_FOR_READING = (*_FOR_WRITING, "standby", "prefer-standby", "read-only")
# Known to libpq and not to our driver, which would hand them to the server, and that would refuse every connection.
_OF_LIBPQ_ALONE = ("channel_binding", "connect_timeout", "gssencmode", "keepalives", "load_balance_hosts")
_HOSTS_EXPECTED = (
    "expected hosts such as a.example:5432,b.example:5432 with ports up to 65535; in a name or password, other "
    "characters than letters and digits are percent-encoded"
)


def split_hosts(url: str) -> list[str]:
    """A URL for each host that this one names, in its order: `//a:5432,b:5432/desk` or `///desk?host=/a,/b`."""
    parts = urlsplit(url)
    account, at, hosts = parts.netloc.rpartition("@")
    if hosts:
        return [url.replace(f"//{parts.netloc}", f"//{account}{at}{host}", 1) for host in hosts.split(",")]
    query = dict(parse_qsl(parts.query))
    sockets = query.get("host", "").split(",")
    ports = query.get("port", "").split(",")
    if len(sockets) == 1:
        return [url]
    start = url.partition("?")[0]
    ports = ports * len(sockets) if len(ports) == 1 else ports
    pairs = zip(sockets, ports, strict=True)
    return [f"{start}?{urlencode({**query, 'host': host} | ({'port': port} if port else {}))}" for host, port in pairs]


def names_attributes(url: str) -> bool:
    """Whether the URL itself says which of its servers is meant."""
    return "target_session_attrs" in parse_qs(urlsplit(url).query)


def _require_primary(url: str) -> str:
    if _check(url) not in _FOR_WRITING:
        raise ValueError(f"target_session_attrs must be {', '.join(_FOR_WRITING[:-1])} or {_FOR_WRITING[-1]}")
    return url


def _require_server(url: str) -> str:
    if _check(url) not in _FOR_READING:
        raise ValueError(f"target_session_attrs must be {', '.join(_FOR_READING[:-1])} or {_FOR_READING[-1]}")
    return url


def _check(url: str) -> str:
    """Returns which of its servers is meant. Raises ValueError that says what was expected."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError(_HOSTS_EXPECTED) from None
    if parts.scheme not in {"postgres", "postgresql"}:
        raise ValueError("expected a URL that starts with postgresql://")
    if parts.netloc.count("@") > 1:
        raise ValueError("an @ in a name or password is written %40")
    try:
        query = parse_qs(parts.query, strict_parsing=True) if parts.query else {}
    except ValueError:
        raise ValueError("expected name=value after the ?, with & between them") from None
    for name in query:
        if name.startswith(_OF_LIBPQ_ALONE):
            raise ValueError(f"{name} is not known here; leave it out")
    _check_hosts(url)
    return query.get("target_session_attrs", ["any"])[-1]


def _check_hosts(url: str) -> None:
    try:
        each = split_hosts(url)
    except ValueError:
        raise ValueError("expected as many ports as hosts, or one for all") from None
    if not all(_is_clear(one, is_alone=len(each) == 1) for one in each):
        raise ValueError(_HOSTS_EXPECTED)


def _is_clear(url: str, *, is_alone: bool) -> bool:
    """Whether host and port can be one; without any, they are the driver's defaults."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    try:
        port = int(query.get("port", parts.port or 5432))
    except ValueError:
        return False
    is_named = bool(parts.hostname or query.get("host"))
    return port in range(1, 65536) and (is_named or (is_alone and not parts.netloc.rpartition("@")[2]))


PrimaryUrl = Annotated[str, AfterValidator(_require_primary)]
ServerUrl = Annotated[str, AfterValidator(_require_server)]
