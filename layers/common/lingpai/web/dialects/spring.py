"""`spring`: Spring Security OAuth apps and WeChat mini-programs (seed 003)."""

from lingpai.errors import LingpaiError
from lingpai.model import TokenSet
from lingpai.web.oauth_error import oauth_error
from lingpai.web.reply import Reply, json_reply

GRANT_TYPES = {
    "password": "password",
    "refresh_token": "refresh_token",
    "client_credentials": "client_credentials",
}

_WORDING = {"bad_client": "Bad client credentials"}


def success(tokens: TokenSet) -> Reply:
    """The fields of seed 003 in their order; `token_type` in lower case, `scope` always there."""
    content: dict[str, str | int] = {"access_token": tokens.access_token, "token_type": "bearer"}
    if tokens.refresh_token is not None:
        content["refresh_token"] = tokens.refresh_token
    content["expires_in"] = tokens.expires_in
    content["scope"] = " ".join(tokens.scope)
    return json_reply(200, content)


def failure(error: LingpaiError) -> Reply:
    """`{error, error_description}`, a bad client with 401 and a Basic challenge."""
    return oauth_error(error, _WORDING)
