"""Write events/: an example request for each route, as the event that API Gateway sends to the function.

    .venv/bin/python -m tools.write_events

They are for `sam local invoke -e`, for reading, and for the tests, which send every one of them to its function.
What only a running service can give stands in them as an example (`EXAMPLE_VALUES`): such an event is refused as it
is, and works once the value is put in.
"""

import base64
import functools
import json
import sys
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from local import template
from local.gateway import Request, make_event, match

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "events"

REQUEST_ID = "JKJaXmPLvHcESHA="
TRACE_ID = "Root=1-695b6e80-a1b2c3d4e5f60718293a4b5c"
NOW = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)

WEB = ("web-client", "web-secret")
STANDARD = ("standard-client", "standard-secret")
MACHINE = ("machine-client", "machine-secret")
DJANGO = {"client_id": "django-app", "client_secret": "django-secret"}
PASSPORT = {"client_id": "2", "client_secret": "passport-secret"}
USERCENTER = {"sysid": "aaaa", "client_id": "23"}

# Of the right shape, and good for nothing: they end in the dark.
EXAMPLE_VALUES: Mapping[str, Any] = {
    "token": "AAFT3_stNm2OJkTCbNqpeA.AC4SeyvY8Gxo9tZQZ1bDesa-YNFS2Am7mYyqhNviL4E",
    "refresh_token": "AAFT3_stNm2OJkTCbNqpeA.MxG-9sA1BopiDZ47HQH3cF7kIyAHyq2xpzarzlULmwE",
    "code": "123456",
    "id_token": "eyJhbGciOiJFUzI1NiIsImtpZCI6IjEifQ.eyJpc3MiOiJodHRwczovL2FjY291bnRzLmdvb2dsZS5jb20ifQ.c2lnbmF0dXJl",
    "id": 373696433567341,
}


@dataclass(frozen=True)
class Example:
    """A request. `{name}` as the whole of a field is one of `EXAMPLE_VALUES`."""

    path: str
    method: str = "POST"
    form: Mapping[str, str] | None = None
    content: Mapping[str, Any] | None = None
    basic: tuple[str, str] | None = None
    bearer: bool = False


PASSWORD = {"grant_type": "password", "username": "alice", "password": "correct horse battery"}
REFRESH = {"grant_type": "refresh_token", "refresh_token": "{refresh_token}"}
MOBILE = {"mobile": "13312341234"}
PROOF = {**MOBILE, "code": "{code}"}
# The MD5 and SHA-1 of alice's password.
DIGESTS = {
    "md5password": "88e4ddd2402d92d50e1879d6ecd9ffd4",
    "shapassword": "98decc62ece399a22ed30d490ef333be7fde7385",
}
ACCESS = {"accessToken": "{token}"}
ME = {"id": "{id}"}

EXAMPLES: Mapping[str, Example] = {
    # tokens
    "token-password": Example("/oauth/token", form=PASSWORD, basic=WEB),
    "token-refresh": Example("/oauth/token", form=REFRESH, basic=WEB),
    "token-client-credentials": Example("/oauth/token", form={"grant_type": "client_credentials"}, basic=MACHINE),
    "token-mobile-code": Example(
        "/oauth/token", form={"grant_type": "urn:lingpai:grant:mobile-code", **PROOF}, basic=STANDARD
    ),
    "token-sign": Example(
        "/oauth/token",
        form={"grant_type": "urn:lingpai:grant:sign", "sign": "oGZUI0egBJY1zhBYw2KhdUfwVJJE"},
        basic=STANDARD,
    ),
    "token-json": Example("/oauth/token", content={**PASSWORD, "client_id": WEB[0], "client_secret": WEB[1]}),
    "token-passport": Example("/oauth/token", form={**PASSPORT, **PASSWORD, "scope": ""}),
    "token-usercenter": Example("/oauth/token", content={**USERCENTER, "username": "alice", **DIGESTS}),
    "token-usercenter-code": Example(
        "/oauth/token", content={**USERCENTER, "username": "alice", "validateCode": "{code}"}
    ),
    "token-slash": Example("/oauth/token/", form=PASSWORD, basic=WEB),
    "o-token": Example("/o/token", form={**DJANGO, **PASSWORD}),
    "o-token-slash": Example("/o/token/", form={**DJANGO, **PASSWORD}),
    "oauth-introspect": Example("/oauth/introspect", form={"token": "{token}"}, basic=STANDARD),
    "oauth-revoke": Example("/oauth/revoke", form={"token": "{refresh_token}"}, basic=STANDARD),
    "oauth-metadata": Example("/.well-known/oauth-authorization-server", method="GET"),
    "oauth-keys": Example("/.well-known/jwks.json", method="GET"),
    "health": Example("/health", method="GET"),
    "not-found": Example("/nowhere", method="GET"),
    # the calls of the SDK class UserCenter
    "user-check-token": Example("/user/checkOauthToken", content=ACCESS),
    "user-by-token": Example("/user/getUserByToken", content=ACCESS),
    "oauth-destory-token": Example("/oauth/destoryToken", content=ACCESS),
    "oauth-destroy-token": Example("/oauth/destroyToken", content=ACCESS),
    "oauth-refresh-access-token": Example(
        "/oauth/refreshAccessToken", content={**USERCENTER, "refresh_token": "{refresh_token}"}
    ),
    "oauth-get-temp-token": Example("/oauth/getTempToken", content=ACCESS),
    # codes and signs
    "mobile-code-get": Example("/mobile/code/get", form=MOBILE, basic=WEB),
    "mobile-code-verify": Example("/mobile/code/verify", form=PROOF),
    "mobile-token": Example("/mobile/token", form=PROOF, basic=WEB),
    "sign-token": Example("/sign/token", form={"sign": "oGZUI0egBJY1zhBYw2KhdUfwVJJE"}, basic=WEB),
    # accounts
    "user-register": Example(
        "/User/Register", content={"userName": "mei", "password": "plum-blossom", "mobile": "13800138000"}
    ),
    "users-register": Example("/users/register", content={"username": "mei", "password": "plum-blossom"}),
    "users-save": Example(
        "/users/save",
        content={"username": "ming", "password": "bright-morning", "roleList": [{"roleName": "user"}]},
        bearer=True,
    ),
    "users-update": Example("/users/update", content={**ME, "phone": "13312341235", "code": "{code}"}, bearer=True),
    "users-pwd-update": Example(
        "/users/pwd/update",
        content={"userId": "{id}", "oldPassword": "correct horse battery", "newPassword": "incorrect horse battery"},
        bearer=True,
    ),
    "users-role-update": Example("/users/role/update", content={**ME, "roleList": [{"id": 2}]}, bearer=True),
    "users-find": Example("/users/find", content={"username": "alice"}, bearer=True),
    "users-list": Example("/users/list", content={"limit": 20}, bearer=True),
    "users-delete": Example("/users/delete", content=ME, bearer=True),
    "users-current": Example("/users/current", method="GET", bearer=True),
    "users-identities": Example("/users/identities", method="GET", bearer=True),
    "users-identities-link": Example(
        "/users/identities/link",
        content={"provider": "google", "sign": "{id_token}", "nonce": "n-0S6_WzA2Mj"},
        bearer=True,
    ),
    "users-identities-unlink": Example("/users/identities/unlink", content={"provider": "google"}, bearer=True),
    "user-detail-current": Example("/userDetail/current", bearer=True),
    "user-detail-get": Example("/userDetail/get", content=ME, bearer=True),
    "user-detail-update": Example(
        "/userDetail/update", content={**ME, "name": "爱丽丝", "birthday": "2001-02-03"}, bearer=True
    ),
    # roles
    "roles-list": Example("/roles/list", bearer=True),
    "roles-save": Example("/roles/save", content={"roleName": "editor"}, bearer=True),
    "roles-delete": Example("/roles/delete", content={"id": 3}, bearer=True),
}


def event(example: Example, values: Mapping[str, Any] = EXAMPLE_VALUES) -> dict[str, Any]:
    """The event for a request, with `values` in their places."""
    request = _request(example, values)
    route = match(_routes(), request.method, request.path)
    if route is None:
        raise LookupError(f"no route takes {request.method} {request.path}")
    made = make_event(request, route, request_id=REQUEST_ID, now=NOW, domain="127.0.0.1", port=3000)
    made["headers"]["x-amzn-trace-id"] = TRACE_ID  # the one thing that is drawn by lot
    return made


def text(example: Example) -> str:
    """What the example's file holds."""
    return json.dumps(event(example), ensure_ascii=False, indent=2) + "\n"


@functools.cache
def _routes() -> tuple[template.Route, ...]:
    return template.load(ROOT / "template.yaml").routes


def _request(example: Example, values: Mapping[str, Any]) -> Request:
    headers = {"Host": "127.0.0.1:3000", "User-Agent": "curl/8.11.0", "Accept": "*/*"}
    body = b""
    if example.basic is not None:
        headers["Authorization"] = "Basic " + base64.b64encode(":".join(example.basic).encode()).decode()
    if example.bearer:
        headers["Authorization"] = f"Bearer {values['token']}"
    if example.form is not None:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        body = urllib.parse.urlencode(_filled(example.form, values)).encode()
    elif example.content is not None:
        headers["Content-Type"] = "application/json"
        body = json.dumps(_filled(example.content, values), ensure_ascii=False).encode()
    return Request(example.method, example.path, tuple(headers.items()), body)


def _filled(fields: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    places = {f"{{{name}}}": value for name, value in values.items()}
    return {name: places.get(value, value) if isinstance(value, str) else value for name, value in fields.items()}


def main() -> int:
    """Write every file, and remove those that no example stands for."""
    FOLDER.mkdir(exist_ok=True)
    for path in FOLDER.glob("*.json"):
        if path.stem not in EXAMPLES:
            path.unlink()
    for name, example in EXAMPLES.items():
        (FOLDER / f"{name}.json").write_text(text(example), "utf-8")
    print(f"{len(EXAMPLES)} events in {FOLDER.name}/")
    return 0


if __name__ == "__main__":
    sys.exit(main())
