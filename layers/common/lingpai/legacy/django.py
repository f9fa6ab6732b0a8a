"""`django`: Django REST apps with the OAuth toolkit (seed 000)."""

from collections.abc import Mapping

from lingpai.http.oauth_error import oauth_error
from lingpai.http.request import Request
from lingpai.http.response import Reply, json_reply
from lingpai.kernel.errors import LingpaiError
from lingpai.oauth.grant_type import resolve_grant
from lingpai.sessions.model import TokenSet

_WORDING = {"bad_credentials": "Invalid credentials given."}


def grant(given: Mapping[str, str]) -> str:
    """The grant that `grant_type` names."""
    return resolve_grant(given)


def success(tokens: TokenSet, _: Request) -> Reply:
    """The fields under `text` as in seed 000, and flat beside it for stock OAuth clients."""
    fields: dict[str, str | int] = {
        "access_token": tokens.access_token,
        "token_type": "Bearer",
        "expires_in": tokens.expires_in,
    }
    if tokens.refresh_token is not None:
        fields["refresh_token"] = tokens.refresh_token
    fields["scope"] = " ".join(tokens.scope)
    return json_reply(200, {"text": fields, "status_code": 200, **fields})


def failure(error: LingpaiError, _: Request) -> Reply:
    """`{error, error_description, reason}`, flat, as the toolkit answers."""
    return oauth_error(error, _WORDING)
