"""The operations that are measured: requests to the API of `tests.support.api`, whose clients and users these are."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.support.api import Answer, Api

WEB = ("web-client", "web-secret")
STANDARD = ("standard-client", "standard-secret")
MACHINE_JWT = ("machine-jwt", "machine-jwt-secret")
PASSPORT = ("2", "passport-secret")
CLIENTS = (*(client_id for client_id, _ in (WEB, STANDARD, MACHINE_JWT, PASSPORT)), "23")
PASSWORD = {"grant_type": "password", "username": "alice", "password": "correct horse battery"}

type Send = Callable[[], Answer]
# Does what has to be done before the request of this number, and returns what sends it.
type Prepare = Callable[[Api, int], Send]


@dataclass(frozen=True)
class Operation:
    """An operation, and the status of its answer.

    `starts`: its cold start is measured, too.
    `today`: it is recorded now, since a signed token is not valid before it was issued. The others are recorded at noon
    of tomorrow (UTC): their codes and tokens outlive the measurement, and no day ends between their requests.
    """

    prepare: Prepare
    starts: bool = False
    status: int = 200
    today: bool = False


def good(answer: Answer) -> Any:
    """The JSON of a good answer; RuntimeError for any other."""
    if answer.status != 200:
        raise RuntimeError(f"{answer.status} {answer.body}")
    return answer.json


def post(
    path: str,
    fields: Callable[[Api, int], Mapping[str, str]],
    basic: tuple[str, str] | None = None,
    *,
    as_json: bool = False,
    elsewhere: bool = False,
) -> Prepare:
    """A request with these fields, which are made before; `elsewhere`: from an address of its own."""

    def prepare(api: Api, index: int) -> Send:
        given = fields(api, index)
        body: Any = {"json_body": given} if as_json else {"form": given}
        address = f"{11 + (index >> 16)}.{index >> 8 & 255}.{index & 255}.7" if elsewhere else "192.0.2.1"
        return lambda: api.post(path, basic=basic, source_ip=address, **body)

    return prepare


def by_bearer(path: str, username: str = "alice", password: str = PASSWORD["password"]) -> Prepare:
    """A request with a user's access token and nothing else."""

    def prepare(api: Api, _: int) -> Send:
        token = api.token(username, password)
        return lambda: api.post(path, bearer=token)

    return prepare


def after(first: Prepare, prepare: Prepare, seconds: int = 0) -> Prepare:
    """A request after another one of the same number, and so many seconds later."""

    def both(api: Api, index: int) -> Send:
        good(first(api, index)())
        api.time.advance(seconds)
        return prepare(api, index)

    return both


def login(basic: tuple[str, str] = WEB, *, elsewhere: bool = False, **more: str) -> Prepare:
    """A login by password."""
    return post("/oauth/token", lambda _, __: {**PASSWORD, **more}, basic, elsewhere=elsewhere)


def machine_token(client: tuple[str, str]) -> Prepare:
    """A token by client credentials."""
    return post("/oauth/token", lambda _, __: {"grant_type": "client_credentials"}, client)


def _send_code(before: int = 0) -> Prepare:
    """A code for the number that is `before` and the request's number."""
    return post("/mobile/code/get", lambda _, index: {"mobile": f"139{before + index:08d}"}, WEB, elsewhere=True)


def _code(api: Api, _: int) -> dict[str, str]:
    return {"mobile": api.outbox[-1].to, "code": api.last_code}


def _signed(api: Api, index: int) -> dict[str, str]:
    return {"token": good(machine_token(MACHINE_JWT)(api, index)())["access_token"]}


def _refresh_token(api: Api, index: int) -> str:
    token: str = good(login()(api, index)())["refresh_token"]
    return token


def _sign(name: str) -> Prepare:
    return post("/sign/token", lambda _, index: {"sign": f"{name}-{index}"}, WEB)


def _login_by_code(before: int) -> Prepare:
    return after(_send_code(before), post("/mobile/token", _code, WEB))


_REGISTER = post(
    "/users/register",
    lambda _, index: {"username": f"newcomer-{index}", "password": "a longer password"},
    as_json=True,
    elsewhere=True,
)

refresh = post(
    "/oauth/token",
    lambda api, index: {"grant_type": "refresh_token", "refresh_token": _refresh_token(api, index)},
    WEB,
)
introspect = post("/oauth/introspect", lambda api, _: {"token": api.token()}, STANDARD)


def _by_access_token(path: str) -> Prepare:
    return post(path, lambda api, _: {"accessToken": api.token()}, as_json=True)


OPERATIONS: Mapping[str, Operation] = {
    "login by password": Operation(after(login(), login()), starts=True),
    "login by password, signed token": Operation(after(login(PASSPORT), login(PASSPORT))),
    "login by password, new address": Operation(login(elsewhere=True)),
    "wrong password": Operation(login(elsewhere=True, password="wrong horse"), status=400),
    "code sent": Operation(_send_code(), starts=True),
    "code checked": Operation(after(_send_code(10_000_000), post("/mobile/code/verify", _code, elsewhere=True))),
    "login by code": Operation(after(_login_by_code(30_000_000), _login_by_code(30_000_000), 7200)),
    "login by code, new account": Operation(_login_by_code(20_000_000)),
    "login by sign": Operation(after(_sign("known"), _sign("known")), starts=True),
    "login by sign, new account": Operation(_sign("new")),
    "refresh": Operation(refresh),
    "introspection": Operation(introspect),
    "introspection, signed token": Operation(post("/oauth/introspect", _signed, STANDARD), today=True),
    "call with a token": Operation(by_bearer("/users/current"), starts=True),
    "own profile": Operation(by_bearer("/userDetail/current")),
    "roles": Operation(by_bearer("/roles/list", "admin", "admin-of-the-gate"), starts=True),
    "user centre's check": Operation(_by_access_token("/user/checkOauthToken")),
    "user centre's user": Operation(_by_access_token("/user/getUserByToken")),
    "machine token, opaque": Operation(machine_token(STANDARD), starts=True),
    "machine token, signed": Operation(machine_token(MACHINE_JWT)),
    "registration": Operation(_REGISTER),
    "revocation": Operation(post("/oauth/revoke", lambda api, index: {"token": _refresh_token(api, index)}, WEB)),
}
