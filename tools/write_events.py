"""Write events/: an example request for each route, as the event that API Gateway sends to the function.

    .venv/bin/python -m tools.write_events

They are for `sam local invoke -e`, for docs/openapi.yaml, and for the tests, which send each of them to its function.
The tokens, codes and ids in them are those of `local.examples`, which `make run` puts into the store when it is told to
(`SAM_LOCAL`): with them there, each event succeeds, but for the one of a path that is not there (`REFUSED`).
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

from pydantic import SecretStr

from lingpai import bootstrap
from lingpai.settings import Settings
from local import examples, seed, template
from local.examples import Values
from local.gateway import ACCOUNT_ID, Request, make_event, match
from tests.support.memory_store import MemoryStore

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "events"
SETTINGS = FOLDER / "env.local.json"

REQUEST_ID = "JKJaXmPLvHcESHA="
TRACE_ID = "Root=1-695b6e80-a1b2c3d4e5f60718293a4b5c"
NOW = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)

WEB = ("web-client", "web-secret")
STANDARD = ("standard-client", "standard-secret")
MACHINE = ("machine-client", "machine-secret")
DJANGO = {"client_id": "django-app", "client_secret": "django-secret"}
PASSPORT = {"client_id": "2", "client_secret": "passport-secret"}
USERCENTER = {"sysid": "aaaa", "client_id": "23"}

# Statuses of the events that do not succeed.
REFUSED = {"not-found": 404}


@dataclass(frozen=True)
class Example:
    """A request. `{name}` as the whole of a field is one of the values of `local.examples`."""

    path: str
    method: str = "POST"
    form: Mapping[str, str] | None = None
    content: Mapping[str, Any] | None = None
    basic: tuple[str, str] | None = None
    bearer: bool = False


PASSWORD = {"grant_type": "password", "username": "alice", "password": "correct horse battery"}
REFRESH = {"grant_type": "refresh_token", "refresh_token": "{refresh_token}"}
PROOF = {"mobile": "{mobile}", "code": "{code}"}
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
        "/oauth/token", content={**USERCENTER, "username": "example-number", "validateCode": "{code}"}
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
    "mobile-code-get": Example("/mobile/code/get", form={"mobile": "13312341234"}, basic=WEB),
    "mobile-code-verify": Example("/mobile/code/verify", form=PROOF),
    "mobile-token": Example("/mobile/token", form=PROOF, basic=WEB),
    "sign-token": Example("/sign/token", form={"sign": "oGZUI0egBJY1zhBYw2KhdUfwVJJE"}, basic=WEB),
    # accounts
    "user-register": Example(
        "/User/Register", content={"userName": "lin", "password": "plum-blossom", "mobile": "13800138000"}
    ),
    "users-register": Example("/users/register", content={"username": "mei", "password": "plum-blossom"}),
    "users-save": Example(
        "/users/save",
        content={"username": "ming", "password": "bright-morning", "roleList": [{"roleName": "user"}]},
        bearer=True,
    ),
    "users-update": Example("/users/update", content={**ME, "phone": "{mobile}", "code": "{code}"}, bearer=True),
    "users-pwd-update": Example(
        "/users/pwd/update",
        content={"userId": "{id}", "oldPassword": "correct horse battery", "newPassword": "incorrect horse battery"},
        bearer=True,
    ),
    "users-pwd-reset": Example(
        "/users/pwd/reset",
        content={"mobile": "{mobile}", "code": "{code}", "newPassword": "incorrect horse battery"},
        basic=WEB,
    ),
    "users-phone-remove": Example("/users/phone/remove", content=ME, bearer=True),
    "users-role-update": Example("/users/role/update", content={**ME, "roleList": [{"id": 2}]}, bearer=True),
    "users-find": Example("/users/find", content={"username": "alice"}, bearer=True),
    "users-list": Example("/users/list", content={"limit": 20}, bearer=True),
    "users-delete": Example("/users/delete", content=ME, bearer=True),
    "users-current": Example("/users/current", method="GET", bearer=True),
    "users-identities": Example("/users/identities", method="GET", bearer=True),
    "users-identities-link": Example(
        "/users/identities/link",
        content={"provider": "example", "sign": "{id_token}", "nonce": examples.NONCE},
        bearer=True,
    ),
    "users-identities-unlink": Example("/users/identities/unlink", content={"provider": "trusted"}, bearer=True),
    "user-detail-current": Example("/userDetail/current", bearer=True),
    "user-detail-get": Example("/userDetail/get", content=ME, bearer=True),
    "user-detail-update": Example(
        "/userDetail/update", content={**ME, "name": "爱丽丝", "birthday": "2001-02-03"}, bearer=True
    ),
    # roles
    "roles-list": Example("/roles/list", bearer=True),
    "roles-save": Example("/roles/save", content={"roleName": "editor"}, bearer=True),
    "roles-delete": Example("/roles/delete", content={"id": examples.ROLE[0]}, bearer=True),
}


# What EventBridge Scheduler sends where a schedule has no input of its own.
SCHEDULED: Mapping[str, Mapping[str, Any]] = {
    "keys-schedule": {
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": "Scheduled Event",
        "source": "aws.scheduler",
        "account": ACCOUNT_ID,
        "time": f"{NOW:%Y-%m-%dT%H:%M:%SZ}",
        "region": "us-east-1",
        "resources": [f"arn:aws:scheduler:us-east-1:{ACCOUNT_ID}:schedule/default/lingpai-KeysFunctionTend"],
        "detail": "{}",
    }
}


def event(example: Example, values: Values) -> dict[str, Any]:
    """The event for a request, with `values` in their places."""
    request = _request(example, values)
    route = match(_routes(), request.method, request.path)
    if route is None:
        raise LookupError(f"no route takes {request.method} {request.path}")
    made = make_event(request, route, request_id=REQUEST_ID, now=NOW, domain="127.0.0.1", port=3000)
    made["headers"]["x-amzn-trace-id"] = TRACE_ID  # the one thing that is drawn by lot
    return made


def texts() -> dict[str, str]:
    """What each file of `events/` holds, by its name without the ending."""
    values = example_values()
    events = {name: event(example, values.get(name, {})) for name, example in EXAMPLES.items()}
    return {name: json.dumps(made, ensure_ascii=False, indent=2) + "\n" for name, made in (events | SCHEDULED).items()}


def example_values() -> Mapping[str, Values]:
    """The values of the events: what `local.examples` puts into an empty store with the demo data."""
    settings = Settings(argon2_memory_kib=8, argon2_time=1, code_pepper=SecretStr("any"))
    services = bootstrap.build(settings, MemoryStore())
    seed.apply(seed.load(None, settings), services)
    return examples.put(services)


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
        body = urllib.parse.urlencode(filled(example.form, values)).encode()
    elif example.content is not None:
        headers["Content-Type"] = "application/json"
        body = json.dumps(filled(example.content, values), ensure_ascii=False).encode()
    return Request(example.method, example.path, tuple(headers.items()), body)


def filled(fields: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of an example with `values` in their places."""
    places = {f"{{{name}}}": value for name, value in values.items()}
    return {name: places.get(value, value) if isinstance(value, str) else value for name, value in fields.items()}


def main() -> int:
    """Write every file, and remove those that no example stands for; the settings for `sam local` stay."""
    FOLDER.mkdir(exist_ok=True)
    written = texts()
    for path in FOLDER.glob("*.json"):
        if path.stem not in written and path != SETTINGS:
            path.unlink()
    for name, text in written.items():
        (FOLDER / f"{name}.json").write_text(text, "utf-8")
    print(f"{len(written)} events in {FOLDER.name}/")
    return 0


if __name__ == "__main__":
    sys.exit(main())
