"""Forms that only our own pages can send: protection from cross-site request forgery.

Each form holds a token that is made from the secret of a cookie: that of the login or, before it, one for forms alone,
so that nobody is logged in to another's account either (OWASP, "Login CSRF"). Beside it the browser's own word counts:
`Sec-Fetch-Site`, else `Origin`.
"""

import hmac
from collections.abc import Collection
from urllib.parse import urlsplit

from lingpai.browser_sessions.service import Browser, message_code
from lingpai.html import cookies
from lingpai.http.request import Request, all_parameters
from lingpai.kernel.errors import forbidden
from lingpai.services import Services

TOKEN = "csrf"
_PURPOSE = "form"
_FORM = "application/x-www-form-urlencoded"


def token(services: Services, request: Request, browser: Browser | None) -> tuple[str, tuple[str, ...]]:
    """The token for the forms of a page, and the `Set-Cookie` headers that belong to it."""
    if browser is not None:
        return browser.mac(_PURPOSE), ()
    secret = cookies.form_secret(request)
    if secret is not None:
        return message_code(secret, _PURPOSE), ()
    secret = services.clock.new_secret()
    return message_code(secret, _PURPOSE), (cookies.keep_form_secret(request, secret),)


def read(services: Services, request: Request, browser: Browser | None, names: Collection[str]) -> dict[str, str]:
    """The fields `names` of a form of ours that is sent, without the empty ones.

    LingpaiError `form_expired` for any other form: another site's, one of an earlier login, or no form at all.
    """
    secret = cookies.form_secret(request)
    expected = browser.mac(_PURPOSE) if browser else message_code(secret, _PURPOSE) if secret else None
    return {name: value for name, value in read_all(services, request, expected, names).items() if value}


def read_all(
    services: Services, request: Request, expected: str | None, names: Collection[str], lines: Collection[str] = ()
) -> dict[str, str]:
    """As `read`, with the empty fields, where the form has to bring the token `expected`; None if there is none.

    The fields `lines` may have more than one line.
    """
    if not is_same_site(services, request) or _content_type(request) != _FORM:
        raise forbidden("form_expired")
    given = all_parameters(request, {TOKEN, *names, *lines}, lines=lines)
    if expected is None or not hmac.compare_digest(given.pop(TOKEN, "").encode(), expected.encode()):
        raise forbidden("form_expired")
    return given


def is_same_site(services: Services, request: Request) -> bool:
    """Whether the browser says that one of our own pages sends the form, or does not say who does.

    A page with `Referrer-Policy: no-referrer` sends `Origin: null`, so that this alone is no sign of another site.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("origin", "null")
    ours = {urlsplit(services.issuer).netloc, urlsplit(request.origin).netloc, request.headers.get("host", "")}
    return origin == "null" or _host(origin) in ours


def _host(origin: str) -> str | None:
    """The host and port of an origin; None for a text that is none."""
    try:
        return urlsplit(origin).netloc or None
    except ValueError:
        return None


def _content_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()
