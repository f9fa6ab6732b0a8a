"""`passport`: Laravel Passport apps (seed 001)."""

from collections.abc import Mapping

from lingpai.http.oauth_error import BASIC_CHALLENGE, description
from lingpai.http.reasons import reason_field
from lingpai.http.request import Request
from lingpai.http.response import Reply, error_headers, json_reply
from lingpai.kernel.errors import LingpaiError
from lingpai.oauth.grant_type import resolve_grant
from lingpai.sessions.model import TokenSet


def grant(given: Mapping[str, str]) -> str:
    """The grant that `grant_type` names."""
    return resolve_grant(given)


def success(tokens: TokenSet, _: Request) -> Reply:
    """The four fields of seed 001 in their order; no scope."""
    content: dict[str, str | int] = {
        "token_type": "Bearer",
        "expires_in": tokens.expires_in,
        "access_token": tokens.access_token,
    }
    if tokens.refresh_token is not None:
        content["refresh_token"] = tokens.refresh_token
    return json_reply(200, content)


def failure(error: LingpaiError, _: Request) -> Reply:
    """`{error, message, hint, reason}`; `hint` names a parameter. A wrong password is answered as in seed 001."""
    if error.reason == "bad_credentials":
        content = {"error": "invalid_credentials", "message": "The user credentials were incorrect."}
        return json_reply(401, content)
    content = {"error": error.code, "message": description(error)}
    if "name" in error.values:
        content["hint"] = f"Check the `{error.values['name']}` parameter"
    content |= reason_field(error)
    challenge = BASIC_CHALLENGE if error.code == "invalid_client" else {}
    return json_reply(error.status, content, {**challenge, **error_headers(error)})
