"""`usercenter`: apps of the Java SDK class UserCenter (seed 002). Every answer has HTTP status 200."""

from collections.abc import Mapping
from typing import Any

import orjson

from lingpai.http.request import Request
from lingpai.http.response import Reply, error_headers, json_reply
from lingpai.http.router import Endpoint, Route
from lingpai.kernel.errors import LingpaiError
from lingpai.kernel.messages import text
from lingpai.oauth.grant_type import resolve_grant
from lingpai.sessions.model import TokenSet

# Parameters that only these clients send.
PARAMETERS = frozenset({"sysid", "sys", "sysId", "md5password", "shapassword", "validateCode", "clientId"})


def user_center(path: str, endpoint: Endpoint) -> Route:
    """A route of seed 002: every answer has status 200."""
    return Route(path, endpoint, failure)


def grant(given: Mapping[str, str]) -> str:
    """The grant that `grant_type` names; without it a digest means the password, `validateCode` the code.

    Where both are given the password decides alone: never "either passes".
    """
    if "grant_type" in given:
        return resolve_grant(given)
    if "md5password" in given or "shapassword" in given:
        return "digest"
    if "validateCode" in given:
        return "validate_code"
    return resolve_grant(given)


def success(tokens: TokenSet, request: Request) -> Reply:
    """The tokens as JSON text in `result`, as seed 002 has them, and as an object in `data`."""
    content = {"accessToken": tokens.access_token}
    if tokens.refresh_token is not None:
        content["refreshToken"] = tokens.refresh_token
    content["expires_in"] = str(tokens.expires_in)
    return done(request, result=as_text(content), data=content)


def failure(error: LingpaiError, request: Request) -> Reply:
    """`{"status":0,"msg":…}` in the caller's language."""
    content = {"status": 0, "msg": text(error.reason, request.language, error.values)}
    return json_reply(200, content, error_headers(error))


def done(request: Request, **content: Any) -> Reply:
    """`{"status":1,…,"msg":…}`."""
    return json_reply(200, {"status": 1, **content, "msg": text("done", request.language, {})})


def as_text(content: Any) -> str:
    """JSON inside JSON, as seed 002 has it."""
    return orjson.dumps(content).decode()
