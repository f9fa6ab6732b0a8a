"""`standard`: the dialect of new apps, exactly RFC 6749."""

from collections.abc import Mapping

from lingpai.http.oauth_error import oauth_error
from lingpai.http.request import Request
from lingpai.http.response import Reply, json_reply
from lingpai.kernel.errors import LingpaiError
from lingpai.oauth.grant_type import resolve_grant
from lingpai.oauth.grants import GRANT_TYPES
from lingpai.sessions.model import TokenSet


def grant(given: Mapping[str, str]) -> str:
    """The grant that `grant_type` names, extension grants included."""
    return resolve_grant(given, GRANT_TYPES)


def success(tokens: TokenSet, _: Request) -> Reply:
    """RFC 6749 section 5.1, with the ID token of OpenID Connect Core section 3.1.3.3."""
    content: dict[str, str | int] = {
        "access_token": tokens.access_token,
        "token_type": tokens.token_type,
        "expires_in": tokens.expires_in,
    }
    if tokens.refresh_token is not None:
        content["refresh_token"] = tokens.refresh_token
    if tokens.scope:
        content["scope"] = " ".join(tokens.scope)
    if tokens.id_token is not None:
        content["id_token"] = tokens.id_token
    return json_reply(200, content)


def failure(error: LingpaiError, _: Request) -> Reply:
    """RFC 6749 section 5.2."""
    return oauth_error(error)
