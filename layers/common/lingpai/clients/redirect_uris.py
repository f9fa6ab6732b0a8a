"""Redirect URIs: which ones a client's record may have, and which ones in a request match them.

A request's URI has to be one of the record's, character by character (RFC 9700 section 4.1.3). Only the port of a
loopback address may differ, because a native app gets any free one (RFC 8252 section 7.3).
"""

import re
from collections.abc import Collection
from urllib.parse import unquote

URI_MAX = 500

# RFC 3986 section 2: unreserved and reserved characters without those of IP literals, and escapes.
_CHARACTERS = re.compile(r"(?:[A-Za-z0-9._~:/?@!$&'()+,;=-]|%[0-9A-Fa-f]{2})+")
_HTTP = re.compile(r"(https?)://([^/?]+)(/[^?]*)?(?:\?(.*))?")
_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]*[a-z0-9])?|\[::1\]")
_PORT = re.compile(r":([1-9][0-9]{0,4})")
_LOOPBACK = re.compile(r"(http://(?:127\.0\.0\.1|\[::1\]))(?::([0-9]{1,5}))?([/?].*)?")
_LOOPBACK_HOSTS = {"127.0.0.1", "[::1]", "localhost"}
# RFC 8252 section 7.1: the scheme is a domain name of the app's maker, in reverse.
_PRIVATE = re.compile(r"([a-z][a-z0-9-]*(?:\.[a-z0-9-]+)+):(/.*)")
# Characters that proxies and frameworks take for a separator or a dot once they are unescaped.
_UNESCAPED = re.compile(r"[\x00-\x20\x7f/\\%]|^\.+$")


def check(uri: str, *, private_use: bool = False) -> str:
    """Return the address if a record may have it: HTTPS, or HTTP at a loopback address.

    With `private_use` also one with the scheme of an app (`com.example.app:/…`). ValueError with the reason otherwise.
    """
    if len(uri) > URI_MAX:
        raise ValueError(f"has more than {URI_MAX} characters")
    if "#" in uri:
        raise ValueError("has a fragment")
    if not _CHARACTERS.fullmatch(uri.replace("[::1]", "")):
        raise ValueError("has a character that may not stand in an address, or a wildcard")
    http = _HTTP.fullmatch(uri)
    if http:
        _check_http(http)
    elif not (private_use and _PRIVATE.fullmatch(uri)):
        raise ValueError("is no address that begins with https://" + (", or with an app's scheme" * private_use))
    _check_path((http[3] or "") if http else uri.partition(":")[2].partition("?")[0])
    return uri


def matches(registered: Collection[str], uri: str) -> bool:
    """Whether `uri` is one of those in the record; the port of a loopback address may differ."""
    if uri in registered:
        return True
    plain = _without_port(uri)
    return plain is not None and any(plain == _without_port(known) for known in registered)


def absolute(registered: Collection[str], issuer: str) -> tuple[str, ...]:
    """The addresses of the record; those of a built-in client are paths under the issuer."""
    return tuple(f"{issuer}{uri}" if uri.startswith("/") else uri for uri in registered)


def _check_http(found: "re.Match[str]") -> None:
    scheme, authority, _, query = found.groups()
    if "@" in authority:
        raise ValueError("names a user")
    host = _HOST.match(authority)
    port = authority[host.end() :] if host else ""
    # Browsers read a last label of digits as an IPv4 address, in many spellings.
    is_number = host is not None and host[0].rpartition(".")[2].isdigit() and host[0] != "127.0.0.1"
    if host is None or is_number or (port and not _is_port(port)):
        raise ValueError("has a host or a port that cannot be used")
    if scheme == "http" and host[0] not in _LOOPBACK_HOSTS:
        raise ValueError("is no address that begins with https://")
    if query is not None and "?" in query:
        raise ValueError("has two queries")


def _is_port(text: str) -> bool:
    found = _PORT.fullmatch(text)
    return found is not None and int(found[1]) <= 65535


def _check_path(path: str) -> None:
    """ValueError for a path that some servers take for another one (RFC 9700 section 4.1.3)."""
    for segment in path.split("/"):
        if segment and _UNESCAPED.search(unquote(segment)):
            raise ValueError("has a path with a step up, or with an escaped separator")


def _without_port(uri: str) -> str | None:
    """A loopback address without its port; None for any other."""
    found = _LOOPBACK.fullmatch(uri)
    if found is None or (found[2] is not None and not _is_port(f":{found[2]}")):
        return None
    return found[1] + (found[3] or "")
