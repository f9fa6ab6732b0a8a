"""Authorization responses: what goes back to the client by its redirect URI (RFC 6749 section 4.1.2).

Each has `iss`, so that a client of several servers knows whose answer it is (RFC 9207).
"""

from collections.abc import Mapping
from html import escape

from lingpai.authorization.model import AuthorizationError, AuthorizationRequest, ResponseMode
from lingpai.http.oauth_error import description
from lingpai.http.response import NO_STORE, Reply, with_query
from lingpai.kernel import base64url
from lingpai.services import Services

_HEADERS = {**NO_STORE, "Referrer-Policy": "no-referrer"}
_PAGE = """<!doctype html>
<html lang="zh"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>继续 · Continue</title></head>
<body><form method="post" action="{action}">{fields}<p><button>继续 · Continue</button></p></form>
<script nonce="{nonce}">document.forms[0].submit()</script></body></html>
"""


def success(services: Services, request: AuthorizationRequest, code: str) -> Reply:
    """The answer that carries the code (RFC 6749 section 4.1.2)."""
    return _answer(services, request.redirect_uri, request.response_mode, request.state, {"code": code})


def failure(services: Services, error: AuthorizationError) -> Reply:
    """The answer that carries the refusal (RFC 6749 section 4.1.2.1)."""
    refused = {"error": error.code, "error_description": description(error)}
    reply = _answer(services, error.redirect_uri, error.response_mode, error.state, refused)
    return reply.about(error.client_id, "authorization_code", error=error)


def _answer(
    services: Services, redirect_uri: str, mode: ResponseMode, state: str | None, content: Mapping[str, str]
) -> Reply:
    fields = {**content, **({} if state is None else {"state": state}), "iss": services.issuer}
    if mode == "form_post":
        return _form_post(services, redirect_uri, fields)
    # 303, so that a form which was posted here is not posted on (RFC 9700 section 4.12).
    return Reply(303, headers={**_HEADERS, "Location": with_query(redirect_uri, fields)})


def _form_post(services: Services, redirect_uri: str, fields: Mapping[str, str]) -> Reply:
    """A page that posts the fields by itself, or by its button (OAuth 2.0 Form Post Response Mode section 2).

    Without `form-action` in its policy: Chromium holds all redirects of the client's answer against it.
    """
    nonce = base64url.encode(services.clock.random_bytes(16))
    inputs = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in fields.items()
    )
    policy = f"default-src 'none'; script-src 'nonce-{nonce}'; base-uri 'none'; frame-ancestors 'none'"
    headers = {**_HEADERS, "Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": policy}
    return Reply(200, _PAGE.format(action=escape(redirect_uri), fields=inputs, nonce=nonce), headers)
