"""`spring`: Spring Security OAuth apps and WeChat mini-programs (seed 003)."""

from collections.abc import Mapping

from lingpai.http.oauth_error import oauth_error
from lingpai.http.request import Request
from lingpai.http.response import Reply, json_reply
from lingpai.kernel.errors import LingpaiError
from lingpai.oauth.grant_type import resolve_grant
from lingpai.sessions.model import TokenSet

_WORDING = {"bad_client": "Bad client credentials"}


def grant(given: Mapping[str, str]) -> str:
    """The grant that `grant_type` names."""
    return resolve_grant(given)


def success(tokens: TokenSet, _: Request) -> Reply:
    """The fields of seed 003 in their order; `token_type` in lower case, `scope` always there."""
    content: dict[str, str | int] = {"access_token": tokens.access_token, "token_type": "bearer"}
    if tokens.refresh_token is not None:
        content["refresh_token"] = tokens.refresh_token
    content["expires_in"] = tokens.expires_in
    content["scope"] = " ".join(tokens.scope)
    return json_reply(200, content)


def failure(error: LingpaiError, _: Request) -> Reply:
    """`{error, error_description, reason}`, a bad client with 401 and a Basic challenge."""
    return oauth_error(error, _WORDING)
