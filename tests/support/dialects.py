"""Clients of the dialects django, passport and usercenter: what they send, and what they must be answered."""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from tests.support.api import NO_STORE, Answer, Api
from tests.support.tokens import CHALLENGE, TOKEN, compact, reason_of

DJANGO = {"client_id": "django-app", "client_secret": "django-secret"}
PASSPORT = {"client_id": "2", "client_secret": "passport-secret"}
JWT = ("jwt-client", "jwt-secret")
MACHINE_JWT = ("machine-jwt", "machine-jwt-secret")

PASSWORD = "correct horse battery"
NUMBER = "13312341234"
ALICE = {"username": "alice", "password": PASSWORD}
BY_PASSWORD = {"grant_type": "password", **ALICE}

WEEK = 604800
DAY = 86400
YEAR = 31536000
REFRESH_LIFE = 30 * DAY
GRACE = 30
# How long the last refresh may be repeated by a client with a secret.
RETRY = 600

# What tokens are issued under where ISSUER is not set: the address that was called.
ISSUER = "https://127.0.0.1"
SIGNED = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
TEMPORARY = re.compile(r"[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{48}")


def digests(password: str = PASSWORD) -> dict[str, str]:
    """What the SDK of seed 002 sends of a password."""
    raw = password.encode()
    return {"md5password": hashlib.md5(raw).hexdigest(), "shapassword": hashlib.sha1(raw).hexdigest()}  # noqa: S324


def sdk(username: str | None = "alice", **fields: Any) -> dict[str, Any]:
    """A body as seed 002 writes it."""
    return {"sysid": "aaaa", "username": username, "client_id": "23", **fields}


# --- answers ------------------------------------------------------------------------------------------------


def reply(status: int, content: Any, headers: Mapping[str, str] | None = None) -> Answer:
    """An answer with this JSON, never kept by a cache."""
    return Answer(status, {**NO_STORE, **(headers or {})}, compact(content))


def passport_error(status: int, code: str, message: str, hint: str | None = None) -> Answer:
    """A refusal as Passport's apps read it."""
    content = {"error": code, "message": message} | ({"hint": f"Check the `{hint}` parameter"} if hint else {})
    if code != "invalid_credentials":
        content["reason"] = reason_of(message)
    return reply(status, content, CHALLENGE if code == "invalid_client" else None)


def failed(message: str, headers: Mapping[str, str] | None = None) -> Answer:
    """A refusal of seed 002: HTTP status 200 all the same."""
    return reply(200, {"status": 0, "msg": message}, headers)


def done(**content: Any) -> Answer:
    """A success of seed 002."""
    return reply(200, {"status": 1, **content, "msg": "操作成功"})


def django_tokens(answer: Answer, scope: str = "read write groups", expires_in: int = WEEK) -> Any:
    """The tokens of an answer that is seed 000's to the byte: under `text`, and flat beside it."""
    given = answer.json
    fields = {
        "access_token": _opaque(given["access_token"]),
        "token_type": "Bearer",
        "expires_in": expires_in,
        "refresh_token": _opaque(given["refresh_token"]),
        "scope": scope,
    }
    assert answer == reply(200, {"text": fields, "status_code": 200, **fields})
    assert given["access_token"] != given["refresh_token"]
    return given


def passport_tokens(answer: Answer, expires_in: int = YEAR) -> Any:
    """The tokens of an answer that is seed 001's to the byte; the access token is a JWT."""
    given = answer.json
    assert SIGNED.fullmatch(given["access_token"])
    fields = {
        "token_type": "Bearer",
        "expires_in": expires_in,
        "access_token": given["access_token"],
        "refresh_token": _opaque(given["refresh_token"]),
    }
    assert answer == reply(200, fields)
    return given


def usercenter_tokens(answer: Answer, expires_in: int = DAY) -> Any:
    """The tokens of an answer that is seed 002's to the byte: JSON text in `result`, an object in `data`."""
    given = answer.json["data"]
    fields = {
        "accessToken": _opaque(given["accessToken"]),
        "refreshToken": _opaque(given["refreshToken"]),
        "expires_in": str(expires_in),
    }
    assert answer == done(result=compact(fields), data=fields)
    assert given["accessToken"] != given["refreshToken"]
    return given


def signed_tokens(api: Api, client: tuple[str, str] = JWT, **form: str) -> Any:
    """The tokens of a `standard` client whose access tokens are signed."""
    answer = api.post("/oauth/token", form={**BY_PASSWORD, **form}, basic=client)
    assert answer.status == 200, answer
    assert SIGNED.fullmatch(answer.json["access_token"])
    return answer.json


def _opaque(token: str) -> str:
    assert TOKEN.fullmatch(token)
    return token


# --- tokens -------------------------------------------------------------------------------------------------


def log_in_by_digests(api: Api, username: str = "alice", password: str = PASSWORD) -> Any:
    """The tokens that the SDK gets for a password, which has been used in clear before."""
    return usercenter_tokens(api.post("/oauth/token", json_body=sdk(username, **digests(password))))


def introspected(api: Api, token: str) -> Any:
    """What the server says of a token."""
    answer = api.post("/oauth/introspect", form={"token": token}, basic=("standard-client", "standard-secret"))
    assert answer.status == 200, answer
    return answer.json


def is_good(api: Api, token: str) -> bool:
    """Whether an access token opens what takes one; introspection and the SDK's own check must agree."""
    good = api.post("/user/checkOauthToken", json_body={"accessToken": token}).json["status"] == 1
    assert introspected(api, token)["active"] is good
    opened = api.post("/users/current", bearer=token)
    assert opened.status in ({200, 403} if good else {401}), opened
    return bool(good)


def parts(token: str) -> tuple[Any, Any]:
    """The header and the claims of a JWT, not verified."""
    header, claims, _ = token.split(".")
    return json.loads(decode(header)), json.loads(decode(claims))


def decode(text: str) -> bytes:
    """Base64url without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def encode(raw: bytes) -> str:
    """As base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
