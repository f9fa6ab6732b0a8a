"""Headers that every answer carries, whatever it is."""

from collections.abc import Mapping

# The body is what Content-Type says, whatever it looks like (Fetch standard, "nosniff").
_ALWAYS: Mapping[str, str] = {"X-Content-Type-Options": "nosniff"}
# A year. Subdomains are left out: they may be somebody else's.
_OVER_TLS: Mapping[str, str] = {**_ALWAYS, "Strict-Transport-Security": "max-age=31536000"}


def security_headers(event: object) -> Mapping[str, str]:
    """The headers for the answer to an HTTP API event (payload format 2.0).

    Strict-Transport-Security is left out over plain http, as RFC 6797 section 7.2 demands. Both API Gateway, which
    speaks TLS alone, and the local server, which speaks http alone, write `x-forwarded-proto` themselves.
    """
    headers = event.get("headers") if isinstance(event, dict) else None
    over_http = isinstance(headers, dict) and headers.get("x-forwarded-proto") == "http"
    return _ALWAYS if over_http else _OVER_TLS
