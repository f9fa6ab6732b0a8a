"""Answers read: their JSON, the refusals in them, the results. Everything that does not fit is a BadAnswer."""

import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from typing import Any, TypeVar

from lingpai_sdk._transport import Answer
from lingpai_sdk.errors import BadAnswer, InvalidSession, RedirectToWeb, Refused
from lingpai_sdk.results import Introspection, NextStep, Role, ServerMetadata, Tokens, User

# What a refusal is called where the server gives only a status and a text for people.
CODES = {
    400: "bad_request",
    401: "unauthorized",
    403: "access_denied",
    404: "not_found",
    409: "conflict",
    413: "too_large",
    429: "too_many_requests",
    500: "server_error",
    503: "temporarily_unavailable",
}

_CODE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,64}")  # RFC 6749 section 5.2, without the space
_REASON = re.compile(r"[a-z][a-z0-9_]{0,63}")
_LONGEST_TEXT = 300
# Of what is sent, this alone may come back in the text of a refusal.
_OPEN = frozenset(
    {
        "acr_values",
        "client_id",
        "code_challenge_method",
        "grant_type",
        "max_age",
        "passkey_options",
        "redirect_uri",
        "resource",
        "response_type",
        "scope",
        "sysid",
        "token_type_hint",
        "username",
    }
)

_Result = TypeVar("_Result")


# --- the three ways in which the server answers ----------------------------------------------------------


def success(answer: Answer) -> dict[str, Any]:
    """The JSON object of a success (RFC 6749 section 5.1 and its kin); Refused for any other status."""
    if answer.status != 200:
        raise _refusal(answer)
    content = _parsed(answer.body)
    if not isinstance(content, dict):
        raise BadAnswer("the answer is no JSON object", answer.status)
    return content


def usercenter(answer: Answer) -> dict[str, Any]:
    """The JSON object of `{"status":1,…}` (seed 002); Refused for `{"status":0,"msg":…}`, whose HTTP status is 200."""
    content = success(answer)
    status = content.get("status")
    if status in (1, "1"):
        return content
    if status in (0, "0"):
        raise Refused("refused", _description(answer, content.get("msg")), answer.status, answer.retry_after)
    raise BadAnswer("the answer has no status 1 or 0", answer.status)


# --- results ---------------------------------------------------------------------------------------------


def oauth_tokens(answer: Answer) -> Tokens:
    """The tokens of RFC 6749 section 5.1; BadAnswer for such as are not bound to the key of the request's proof."""
    content = success(answer)
    if answer.request.dpop_key is not None and str(content.get("token_type")).lower() != "dpop":
        # RFC 9449 section 5: whoever wants bound tokens must not take others.
        raise BadAnswer("the tokens are not bound to the key", answer.status)
    return _read(answer, "tokens", _tokens, content, answer.asked_at, "access_token", "refresh_token")


def challenge(answer: Answer) -> NextStep | str:
    """What a step of a challenge led to: the next step, or the authorization code.

    InvalidSession, RedirectToWeb, or Refused for what was wrong.
    """
    if answer.status == 200:
        return _read(answer, "authorization code", _text, success(answer).get("authorization_code"))
    content = _parsed(answer.body)
    content = content if isinstance(content, dict) else {}
    match content.get("error"):
        case "insufficient_authorization":
            return _read(answer, "next step", _next_step, content)
        case "redirect_to_web":
            raise _read(answer, "request_uri", _redirect, answer, content)
        case "invalid_session":
            raise InvalidSession(
                "invalid_session", _description(answer, content.get("error_description")), answer.status
            )
        case _:
            raise _refusal(answer)


def auth_session(answer: Answer) -> str | None:
    """The `auth_session` in the answer to a step of a challenge, None without one; BadAnswer if it is no text."""
    content = _parsed(answer.body)
    return _read(answer, "auth_session", _optional, content, "auth_session") if isinstance(content, dict) else None


def usercenter_tokens(answer: Answer) -> Tokens:
    """The tokens of seed 002: JSON text in `result`."""
    return _read(answer, "tokens", _tokens, _inner(answer, "result"), answer.asked_at, "accessToken", "refreshToken")


def usercenter_user(answer: Answer) -> User:
    """The user of seed 002: JSON text in `user`."""
    return _read(answer, "user", _user, _inner(answer, "user"))


def usercenter_text(answer: Answer) -> str:
    """The text in `result`."""
    return _read(answer, "text", _text, usercenter(answer).get("result"))


def user(answer: Answer) -> User:
    """The user in `message` of `{"status":200,"message":…}` (seed 003)."""
    return _read(answer, "user", _user, success(answer).get("message"))


def introspection(answer: Answer) -> Introspection:
    """What is said of a token (RFC 7662 section 2.2)."""
    return _read(answer, "introspection", _introspection, success(answer))


def metadata(answer: Answer, issuer: str) -> ServerMetadata:
    """The metadata of this issuer; BadAnswer for another's, which must not be used (RFC 8414 section 3.3)."""
    found = _read(answer, "metadata", _metadata, success(answer))
    if found.issuer != issuer:
        named = _description(answer, found.issuer)
        raise BadAnswer(f"the metadata is of the issuer {named}, not of {issuer}", answer.status)
    return found


def _tokens(content: Mapping[str, Any], asked_at: datetime, access: str, refresh: str) -> Tokens:
    expires_in = int(content["expires_in"])
    return Tokens(
        access_token=_text(content[access]),
        refresh_token=_optional(content, refresh),
        expires_in=expires_in,
        expires_at=asked_at + timedelta(seconds=expires_in),
        scope=_words(content.get("scope")),
        id_token=_optional(content, "id_token"),
    )


def _next_step(content: Mapping[str, Any]) -> NextStep:
    resend_in = content.get("resend_in")
    return NextStep(
        next=tuple(_text(name) for name in _list(content["next"])),
        reason=_reason(content),
        captcha=_object(content, "captcha"),
        passkey_options=_object(content, "passkey_options"),
        resend_in=None if resend_in is None else int(resend_in),
    )


def _redirect(answer: Answer, content: Mapping[str, Any]) -> RedirectToWeb:
    error = RedirectToWeb("redirect_to_web", _description(answer, content.get("error_description")), answer.status)
    error.request_uri = _optional(content, "request_uri")
    error.expires_in = None if content.get("expires_in") is None else int(content["expires_in"])
    return error


def _user(content: Mapping[str, Any]) -> User:
    return User(
        id=int(content["id"]),
        username=_optional(content, "username"),
        phone=_optional(content, "phone"),
        open_id=_optional(content, "openId"),
        roles=tuple(Role(int(role["id"]), _text(role["roleName"])) for role in content["roleList"]),
        created=_text(content["createTime"]),
    )


def _introspection(content: Mapping[str, Any]) -> Introspection:
    if content["active"] is not True:
        return Introspection(active=False)
    return Introspection(
        active=True,
        client_id=_optional(content, "client_id"),
        sub=_optional(content, "sub"),
        scope=_words(content.get("scope")),
        token_type=_optional(content, "token_type"),
        issued_at=_moment(content.get("iat")),
        expires_at=_moment(content.get("exp")),
        issuer=_optional(content, "iss"),
    )


def _metadata(content: Mapping[str, Any]) -> ServerMetadata:
    return ServerMetadata(
        issuer=_text(content["issuer"]),
        token_endpoint=_text(content["token_endpoint"]),
        jwks_uri=_optional(content, "jwks_uri"),
        introspection_endpoint=_optional(content, "introspection_endpoint"),
        revocation_endpoint=_optional(content, "revocation_endpoint"),
        grant_types=tuple(_text(name) for name in content["grant_types_supported"]),
        everything=content,
    )


# --- refusals --------------------------------------------------------------------------------------------


def _refusal(answer: Answer) -> Refused | BadAnswer:
    """Why the server refused. Of a body that is not the server's own nothing is repeated."""
    if 200 <= answer.status < 400:
        return BadAnswer("the address answers with something else, or leads elsewhere", answer.status)
    content = _parsed(answer.body)
    content = content if isinstance(content, dict) else {}
    error = content.get("error")
    by_status = CODES.get(answer.status, f"http_{answer.status}")
    if isinstance(error, str) and "status" not in content and _CODE.fullmatch(error):
        # RFC 6749 section 5.2; Passport's clients read `message`.
        code, said = error, content.get("error_description", content.get("message"))
    else:
        # Seed 003: `error` is for people. The gateway's own word is `message`.
        code, said = by_status, content.get("error", content.get("message"))
    refused = Refused(code, _description(answer, said), answer.status, answer.retry_after, _reason(content))
    with suppress(TypeError):
        refused.captcha = _object(content, "captcha")
    return refused


def _reason(content: Mapping[str, Any]) -> str | None:
    """The server's finer word for a refusal; None without one."""
    said = content.get("reason")
    return said if isinstance(said, str) and _REASON.fullmatch(said) else None


def _description(answer: Answer, said: object) -> str:
    """The server's text, on one line, of bounded length, without what was sent in confidence."""
    if not isinstance(said, str):
        return ""
    request = answer.request
    given = {**(request.form or {}), **(request.json or {})}
    sent = [value for name, value in given.items() if name not in _OPEN and isinstance(value, str)]
    if request.basic:
        sent += [request.basic[1], request.basic_text]
    sent += [request.bearer] if request.bearer else []
    for secret in sorted((value for value in sent if len(value) > 3), key=len, reverse=True):
        said = said.replace(secret, "***")
    return "".join(character if character.isprintable() else " " for character in said[:_LONGEST_TEXT])


# --- JSON ------------------------------------------------------------------------------------------------


def _parsed(body: bytes) -> Any:
    """The JSON of the body; None where it is none. json's own error keeps the body: it must not get out."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _inner(answer: Answer, name: str) -> dict[str, Any]:
    """The object in the JSON text `name` of an answer of seed 002."""
    given = usercenter(answer).get(name)
    inner = _parsed(given.encode("utf-8", "replace")) if isinstance(given, str) else None
    if not isinstance(inner, dict):
        raise BadAnswer(f"{name} of the answer holds no JSON object", answer.status)
    return inner


def _read(answer: Answer, what: str, read: Callable[..., _Result], *given: Any) -> _Result:
    """What `read` makes of what is given; BadAnswer, without a word of the content, where it cannot."""
    with suppress(ArithmeticError, AttributeError, LookupError, TypeError, ValueError, OSError):
        return read(*given)
    raise BadAnswer(f"the answer holds no {what}, or lacks a part of it", answer.status)


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError
    return value


def _optional(content: Mapping[str, Any], name: str) -> str | None:
    return None if content.get(name) is None else _text(content[name])


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError
    return value


def _object(content: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    value = content.get(name)
    if value is not None and not isinstance(value, dict):
        raise TypeError
    return value


def _words(value: object) -> tuple[str, ...]:
    return () if value is None or value == "" else tuple(_text(value).split())


def _moment(value: Any) -> datetime | None:
    return None if value is None else datetime.fromtimestamp(value, timezone.utc)
