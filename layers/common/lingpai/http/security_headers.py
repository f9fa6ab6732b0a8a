"""Headers that every answer carries, whatever it is."""

from collections.abc import Mapping

# The body is what Content-Type says, whatever it looks like (Fetch standard, "nosniff").
_ALWAYS: Mapping[str, str] = {"X-Content-Type-Options": "nosniff"}
# A year. Subdomains are left out: they may be somebody else's.
_OVER_TLS: Mapping[str, str] = {**_ALWAYS, "Strict-Transport-Security": "max-age=31536000"}


def security_headers(event: object) -> Mapping[str, str]:
    """The headers for the answer to an HTTP API event (payload format 2.0).

    Strict-Transport-Security is left out over plain http, as RFC 6797 section 7.2 demands. `x-forwarded-proto` is
    written by what makes the event: API Gateway, which speaks TLS alone, or the local server or `sam local`, which
    speak http alone.
    """
    headers = event.get("headers") if isinstance(event, dict) else None
    # `sam local` writes the name in capitals.
    over_http = isinstance(headers, dict) and "http" in map(headers.get, ("x-forwarded-proto", "X-Forwarded-Proto"))
    return _ALWAYS if over_http else _OVER_TLS
