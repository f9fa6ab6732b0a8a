"""The cookies of the pages.

With the prefix `__Host-`, which binds them to this host, the path `/` and HTTPS (RFC 6265bis section 4.1.3.2); without
it over the plain HTTP of the local server.
"""

from lingpai.browser_sessions import service as browser_sessions
from lingpai.browser_sessions.service import Browser
from lingpai.html import language
from lingpai.http import cookies
from lingpai.http.request import Request
from lingpai.kernel import base64url
from lingpai.services import Services

LOGIN, FORM, PROVIDER, PENDING = "lingpai", "lingpai-form", "lingpai-provider", "lingpai-pending"
CONSOLE = "lingpai-console"
_DAY = 86400


def is_secure(request: Request) -> bool:
    """Whether the request came over HTTPS: API Gateway, or the local server, says which (`http.security_headers`)."""
    return request.headers.get("x-forwarded-proto") != "http"


def browser(services: Services, request: Request) -> Browser | None:
    """The login of the browser that sends the request; None for none. One call, where it sends a cookie."""
    value = request.cookies.get(_name(request, LOGIN))
    return browser_sessions.read(services, value) if value else None


def log_in(services: Services, request: Request, value: str) -> str:
    """The header that keeps the cookie of a new login."""
    return _set(request, LOGIN, value, services.settings.browser_session_ttl)


def log_out(request: Request) -> str:
    """The header that deletes the cookie of a login."""
    return _set(request, LOGIN, "", 0)


def form_secret(request: Request) -> bytes | None:
    """The secret that binds forms to a browser without a login; None where it has none yet."""
    return _secret(request, FORM)


def keep_form_secret(request: Request, secret: bytes) -> str:
    """The header that keeps that secret."""
    return _set(request, FORM, base64url.encode(secret), _DAY)


def provider_secret(request: Request) -> bytes | None:
    """The secret that binds logins at providers to a browser; None where it has none yet."""
    return _secret(request, PROVIDER)


def keep_provider_secret(request: Request, secret: bytes, seconds: int) -> str:
    """The header that keeps that secret for so many seconds."""
    return _set(request, PROVIDER, base64url.encode(secret), seconds)


def pending_secret(request: Request) -> bytes | None:
    """The secret that finds the browser's pending login; None without one."""
    return _secret(request, PENDING)


def keep_pending(request: Request, secret: bytes, seconds: int) -> str:
    """The header that keeps that secret for so many seconds."""
    return _set(request, PENDING, base64url.encode(secret), seconds)


def forget_pending(request: Request) -> str:
    """The header that deletes it."""
    return _set(request, PENDING, "", 0)


def keep_language(request: Request, chosen: str) -> str:
    """The header that keeps the language that the reader has chosen. It is no secret, and needs no prefix."""
    return cookies.set_cookie(language.COOKIE, chosen, 365 * _DAY, secure=is_secure(request))


def value_of(request: Request, name: str) -> str:
    """The value of another cookie of ours; empty without it."""
    return request.cookies.get(_name(request, name), "")


def keep(request: Request, name: str, value: str, seconds: int) -> str:
    """The header that keeps such a cookie for so many seconds; 0 deletes it."""
    return _set(request, name, value, seconds)


def _secret(request: Request, name: str) -> bytes | None:
    try:
        secret = base64url.decode(request.cookies.get(_name(request, name), ""))
    except ValueError:
        return None
    return secret if len(secret) == 32 else None


def _set(request: Request, name: str, value: str, max_age: int) -> str:
    return cookies.set_cookie(_name(request, name), value, max_age, secure=is_secure(request))


def _name(request: Request, name: str) -> str:
    return f"__Host-{name}" if is_secure(request) else name
