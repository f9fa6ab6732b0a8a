"""The parameter `grant_type` (RFC 6749 section 4), which most dialects share."""

from collections.abc import Mapping

from lingpai.kernel.errors import invalid_request, unsupported_grant_type

STANDARD = {
    "password": "password",
    "refresh_token": "refresh_token",
    "client_credentials": "client_credentials",
}


def resolve_grant(given: Mapping[str, str], extensions: Mapping[str, str] | None = None) -> str:
    """The name of the grant that `grant_type` requests.

    `extensions` are further grants by their `grant_type`. LingpaiError `invalid_request` without the parameter,
    `unsupported_grant_type` for any other value.
    """
    asked = given.get("grant_type")
    if asked is None:
        raise invalid_request("missing_parameter", name="grant_type")
    name = STANDARD.get(asked) or (extensions or {}).get(asked)
    if name is None:
        raise unsupported_grant_type(asked[:80])
    return name
