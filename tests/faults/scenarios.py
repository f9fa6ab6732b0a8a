"""One request or more for each route, with what has to be there before it.

A route that has none of its own here is asked for by its examples (`EXAMPLES` of the feature's module `api`).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from lingpai.accounts import ended_accounts
from lingpai.http.example import Example
from local import examples
from tests.faults.house import GOOGLE_CLIENT, House
from tests.support.api import Answer

WEB = ("web-client", "web-secret")
STANDARD = ("standard-client", "standard-secret")
MACHINE = ("machine-client", "machine-secret")
ALICE, ALICES = "alice", "correct horse battery"
ALICES_NUMBER, NEW_NUMBER = "13312341234", "13912345678"
STRANGER = "a third phrase altogether"

State = dict[str, Any]


@dataclass(frozen=True)
class Scenario:
    """A request to `path`. `prepare` makes what it needs, once; `ask` makes it, and can make it again.

    `status` is what the request is answered with when nothing breaks, and so is its repeat after a 503. Where the first
    request was done, and has ended the login by which it is made, the repeat is answered with `once_done`, if not 0.
    """

    name: str
    path: str
    ask: Callable[[House, State], Answer]
    prepare: Callable[[House], State] = field(default=lambda _: {})
    status: int = 200
    once_done: int = 0

    @property
    def id(self) -> str:
        """For pytest."""
        return f"{self.path} {self.name}".strip()


def _form(path: str, basic: tuple[str, str] | None = None, **fields: str) -> Callable[[House, State], Answer]:
    """A POST of a form; {name} in a field is from the state."""

    def ask(house: House, state: State) -> Answer:
        form = {name: value.format(**state) for name, value in fields.items()}
        return house.api.post(path, form=form, basic=basic)

    return ask


def _json(path: str, as_: str | None = None, **body: Any) -> Callable[[House, State], Answer]:
    """A POST of JSON; values that are functions are of the state. `as_` names the bearer token in the state."""

    def ask(house: House, state: State) -> Answer:
        content = {name: value(state) if callable(value) else value for name, value in body.items()}
        return house.api.post(path, json_body=content, bearer=state[as_] if as_ else None)

    return ask


def _logged_in(house: House) -> State:
    """Tokens of the admin and of alice, who has two sessions more, one of them of another client."""
    standard = house.api.log_in(ALICE, ALICES, STANDARD)
    house.api.token()
    return {
        "admin": house.api.admin(),
        "alice": house.api.token(),
        "standard": standard["access_token"],
        "refresh": standard["refresh_token"],
        "id": house.api.user_id(ALICE),
        "bob_id": house.api.user_id("bob"),
    }


def _machine(house: House) -> State:
    form = {"grant_type": "client_credentials"}
    return {"machine": house.api.post("/oauth/token", form=form, basic=MACHINE).json["access_token"]}


def _code_for(number: str, **more: str) -> Callable[[House], State]:
    """A code was sent to the number."""

    def prepare(house: House) -> State:
        answer = house.api.post("/mobile/code/get", form={"mobile": number, **more}, basic=WEB)
        assert answer.status == 200, answer
        return {"code": house.api.last_code, **_logged_in(house)}

    return prepare


def linked(house: House) -> State:
    """Alice has a Google account linked, by a session of the client that can; and another session."""
    form = {"grant_type": "password", "username": ALICE, "password": ALICES}
    token = house.api.post("/oauth/token", form=form, basic=GOOGLE_CLIENT).json["access_token"]
    body = {"provider": "google", "sign": house.id_token("subject-of-alice")}
    answer = house.api.post("/users/identities/link", json_body=body, bearer=token)
    assert answer.status == 200, answer
    return {**_logged_in(house), "google": token}


def _to_link(house: House) -> State:
    form = {"grant_type": "password", "username": ALICE, "password": ALICES}
    token = house.api.post("/oauth/token", form=form, basic=GOOGLE_CLIENT).json["access_token"]
    return {"google": token, "sign": house.id_token("another-subject")}


def _google_sign(house: House) -> State:
    return {"sign": house.id_token("subject-of-a-newcomer")}


def _known_sign(house: House) -> State:
    assert house.api.post("/sign/token", form={"sign": "o-known"}, basic=WEB).status == 200
    return {}


def _role(house: House) -> State:
    state = _logged_in(house)
    answer = house.api.post("/roles/save", json_body={"roleName": "editor"}, bearer=state["admin"])
    assert answer.status == 200, answer
    return {**state, "role": 3}


def _hurried(ask: Callable[[House, State], Answer]) -> Callable[[House, State], Answer]:
    """The request, which has no time to delete more sessions than the three that alice has."""

    def hurried(house: House, state: State) -> Answer:
        with patch.object(ended_accounts, "DELETED_AT_ONCE", 3):
            return ask(house, state)

    return hurried


def _token_paths() -> list[Scenario]:
    fields = {"grant_type": "client_credentials"}
    paths = ("/oauth/token", "/oauth/token/", "/o/token", "/o/token/")
    return [Scenario("client_credentials", path, _form(path, MACHINE, **fields)) for path in paths]


_WRITTEN = [
    *_token_paths(),
    Scenario(
        "client_credentials, signed",
        "/oauth/token",
        _form("/oauth/token", ("machine-jwt", "machine-jwt-secret"), grant_type="client_credentials"),
    ),
    Scenario(
        "password",
        "/oauth/token",
        _form("/oauth/token", WEB, grant_type="password", username=ALICE, password=ALICES),
    ),
    Scenario(
        "wrong password",
        "/oauth/token",
        _form("/oauth/token", WEB, grant_type="password", username=ALICE, password="not hers"),
        status=400,
    ),
    Scenario(
        "unknown name",
        "/oauth/token",
        _form("/oauth/token", WEB, grant_type="password", username="nobody-at-all", password="not theirs"),
        status=400,
    ),
    Scenario(
        "refresh",
        "/oauth/token",
        _form("/oauth/token", STANDARD, grant_type="refresh_token", refresh_token="{refresh}"),
        _logged_in,
    ),
    Scenario(
        "introspect",
        "/oauth/introspect",
        _form("/oauth/introspect", STANDARD, token="{standard}"),
        _logged_in,
    ),
    Scenario("a user's", "/oauth/revoke", _form("/oauth/revoke", STANDARD, token="{standard}"), _logged_in),
    Scenario("a client's", "/oauth/revoke", _form("/oauth/revoke", MACHINE, token="{machine}"), _machine),
    Scenario(
        "right",
        "/mobile/code/verify",
        _form("/mobile/code/verify", mobile=NEW_NUMBER, code="{code}"),
        _code_for(NEW_NUMBER),
    ),
    Scenario(
        "wrong",
        "/mobile/code/verify",
        _form("/mobile/code/verify", mobile=NEW_NUMBER, code="000000"),
        _code_for(NEW_NUMBER),
        status=400,
    ),
    Scenario(
        "first login",
        "/mobile/token",
        _form("/mobile/token", WEB, mobile=NEW_NUMBER, code="{code}"),
        _code_for(NEW_NUMBER),
    ),
    Scenario(
        "known number",
        "/mobile/token",
        _form("/mobile/token", WEB, mobile=ALICES_NUMBER, code="{code}"),
        _code_for(ALICES_NUMBER),
    ),
    Scenario("first login", "/sign/token", _form("/sign/token", WEB, sign="o-new")),
    Scenario("known id", "/sign/token", _form("/sign/token", WEB, sign="o-known"), _known_sign),
    Scenario(
        "ID token",
        "/sign/token",
        _form("/sign/token", GOOGLE_CLIENT, sign="{sign}"),
        _google_sign,
    ),
    Scenario("", "/users/register", _json("/users/register", username="newcomer", password=STRANGER)),
    Scenario(
        "taken",
        "/users/register",
        _json("/users/register", username="bob", password=STRANGER),
        status=409,
    ),
    Scenario(
        "new",
        "/users/save",
        _json("/users/save", "admin", username="newcomer", password=STRANGER, roleList=[{"roleName": "user"}]),
        _logged_in,
    ),
    Scenario(
        "new name, password and roles",
        "/users/save",
        _json(
            "/users/save",
            "admin",
            id=lambda state: state["id"],
            username="alicia",
            password=STRANGER,
            roleList=[{"roleName": "admin"}],
        ),
        _logged_in,
    ),
    Scenario(
        "new password, and sessions that are too many to delete",
        "/users/save",
        _hurried(_json("/users/save", "admin", id=lambda state: state["id"], password=STRANGER)),
        _logged_in,
    ),
    Scenario(
        "own number by code",
        "/users/update",
        _json(
            "/users/update", "alice", id=lambda state: state["id"], phone=NEW_NUMBER, code=lambda state: state["code"]
        ),
        _code_for(NEW_NUMBER),
    ),
    Scenario(
        "number and id by an admin",
        "/users/update",
        _json("/users/update", "admin", id=lambda state: state["bob_id"], phone=NEW_NUMBER, openId="o-of-bob"),
        _logged_in,
    ),
    Scenario(
        "",
        "/users/pwd/update",
        _json("/users/pwd/update", "alice", userId=lambda state: state["id"], oldPassword=ALICES, newPassword=STRANGER),
        _logged_in,
    ),
    Scenario(
        "",
        "/users/pwd/reset",
        _form("/users/pwd/reset", WEB, mobile=ALICES_NUMBER, code="{code}", newPassword=STRANGER),
        _code_for(ALICES_NUMBER, purpose="reset"),
    ),
    Scenario(
        "",
        "/users/phone/remove",
        _json("/users/phone/remove", "alice", id=lambda state: state["id"]),
        _logged_in,
    ),
    Scenario(
        "",
        "/users/delete",
        _json("/users/delete", "admin", id=lambda state: state["id"]),
        _logged_in,
    ),
    Scenario(
        "",
        "/users/identities/link",
        _json("/users/identities/link", "google", provider="google", sign=lambda state: state["sign"]),
        _to_link,
    ),
    Scenario("", "/users/identities/unlink", _json("/users/identities/unlink", "google", provider="google"), linked),
    Scenario("", "/userDetail/get", _json("/userDetail/get", "admin", id=lambda state: state["id"]), _logged_in),
    Scenario(
        "new",
        "/roles/save",
        _json("/roles/save", "admin", roleName="editor"),
        _logged_in,
    ),
    Scenario("taken", "/roles/save", _json("/roles/save", "admin", roleName="user"), _logged_in, status=409),
    Scenario(
        "renamed",
        "/roles/save",
        _json("/roles/save", "admin", id=lambda state: state["role"], roleName="author"),
        _role,
    ),
    Scenario(
        "",
        "/roles/delete",
        _json("/roles/delete", "admin", id=lambda state: state["role"]),
        _role,
    ),
    Scenario("missing", "/roles/delete", _json("/roles/delete", "admin", id=9), _logged_in, status=404),
]


def _of_example(name: str, example: Example) -> Scenario:
    """The request of the event `name`, with what `local.examples` stores for it."""

    def ask(house: House, state: State) -> Answer:
        return house.api.call(
            example.method,
            example.path,
            form=None if example.form is None else examples.filled(example.form, state),
            json_body=None if example.content is None else examples.filled(example.content, state),
            basic=example.basic,
            bearer=state["token"] if example.bearer else None,
        )

    def prepare(house: House) -> State:
        return dict(examples.put(house.api.services, name)[name])

    return Scenario(f"example {name}", example.path, ask, prepare, example.status)


_own = {scenario.path for scenario in _WRITTEN}
SCENARIOS = [*_WRITTEN, *(_of_example(*each) for each in examples.EXAMPLES.items() if each[1].path not in _own)]
