"""Cookies (RFC 6265) of requests and responses."""

from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie


def read(sent: Iterable[str]) -> dict[str, str]:
    """The cookies `name=value` of a request. Of two that share a name the first counts: its path is the longer one.

    Malformed ones are ignored: other applications of the domain may have set them.
    """
    found: dict[str, str] = {}
    for text in sent:
        try:
            parsed = SimpleCookie(text)
        except CookieError:
            continue
        for name, morsel in parsed.items():
            found.setdefault(name, morsel.value)
    return found


def set_cookie(
    name: str, value: str, max_age: int, *, path: str = "/", same_site: str = "Lax", secure: bool = True
) -> str:
    """The value of a `Set-Cookie` header, out of reach of scripts; `max_age` 0 deletes it.

    It is for HTTPS alone unless `secure` is False, which is for the local server.
    """
    cookie: SimpleCookie = SimpleCookie({name: value})
    morsel = cookie[name]
    morsel["max-age"], morsel["path"], morsel["samesite"] = str(max_age), path, same_site
    morsel["secure"], morsel["httponly"] = secure, True
    return morsel.OutputString()
