"""`standard`: RFC 6749 to the letter, for anything new."""

from lingpai.errors import LingpaiError
from lingpai.model import TokenSet
from lingpai.web.oauth_error import oauth_error
from lingpai.web.reply import Reply, json_reply

GRANT_TYPES = {
    "password": "password",
    "refresh_token": "refresh_token",
    "client_credentials": "client_credentials",
    # Extension grants are named by URIs (RFC 6749 section 4.5).
    "urn:lingpai:grant:mobile-code": "mobile",
    "urn:lingpai:grant:sign": "sign",
}


def success(tokens: TokenSet) -> Reply:
    """RFC 6749 section 5.1."""
    content: dict[str, str | int] = {
        "access_token": tokens.access_token,
        "token_type": "Bearer",
        "expires_in": tokens.expires_in,
    }
    if tokens.refresh_token is not None:
        content["refresh_token"] = tokens.refresh_token
    if tokens.scope:
        content["scope"] = " ".join(tokens.scope)
    return json_reply(200, content)


def failure(error: LingpaiError) -> Reply:
    """RFC 6749 section 5.2."""
    return oauth_error(error)
