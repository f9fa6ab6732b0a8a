"""Accounts for tests that share an API: each with names and numbers of its own."""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from lingpai.accounts import service as accounts
from lingpai.accounts.model import User
from lingpai.passwords.service import hash_password
from tests.support.api import Api

PASSWORD = "a password for anybody"
WEB = ("web-client", "web-secret")
APP = ("app-client", "app-secret")
MACHINE = ("machine-client", "machine-secret")

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Person:
    """An account. `number` is its mobile number as clients write it."""

    api: Api
    id: int
    username: str | None
    number: str | None

    def log_in(self, client: tuple[str, str] = WEB) -> Any:
        """The token answer for the password."""
        return self.api.log_in(self.username or self.number or "", PASSWORD, client)

    @property
    def token(self) -> str:
        """A new access token."""
        token: str = self.log_in()["access_token"]
        return token

    def stored(self) -> User:
        """The account as the store has it."""
        user = self.api.services.store.get_user(self.id)
        assert user is not None
        return user


def somebody(
    api: Api, *, roles: Iterable[int] = (), username: bool = True, number: bool = False, password: bool = True
) -> Person:
    """A new account, with a password, a name and (on request) a number that nobody else has."""
    name = f"person-{next(_numbers)}" if username else None
    mobile = new_number() if number or not username else None
    services = api.services
    user_id = accounts.add(
        services,
        User(
            id=services.clock.new_user_id(),
            created_at=services.clock.now(),
            username=name,
            mobile=f"+86{mobile}" if mobile else None,
            password=hash_password(PASSWORD, services.settings) if password else None,
            roles=frozenset(roles),
        ),
    )
    return Person(api, user_id, name, mobile)


def as_shown(person: Person, **fields: Any) -> dict[str, Any]:
    """The account as `/users/find` shows it, but for `fields`."""
    return {
        "id": person.id,
        "username": person.username or person.number,
        "phone": person.number,
        "openId": None,
        "roleList": [],
        "createTime": "2030-01-01 16:00:00",
        **fields,
    }


def new_number() -> str:
    """A mobile number that nobody has yet."""
    return f"139{next(_numbers):08d}"


def new_name() -> str:
    """A username that nobody has yet."""
    return f"name-{next(_numbers)}"


def code_for(api: Api, number: str) -> str:
    """The code that was just sent to the number."""
    answer = api.post("/mobile/code/get", form={"mobile": number}, basic=WEB)
    assert answer.status == 200, answer
    return api.last_code


def machine(api: Api) -> str:
    """The access token of machine-client, for itself; its record has the role admin."""
    form = {"grant_type": "client_credentials", "scope": "lingpai:admin"}
    answer = api.post("/oauth/token", form=form, basic=MACHINE)
    assert answer.status == 200, answer
    token: str = answer.json["access_token"]
    return token


def can_log_in(api: Api, name: str, password: str = PASSWORD) -> bool:
    """Whether the token endpoint takes the name and the password."""
    form = {"grant_type": "password", "username": name, "password": password}
    answer = api.post("/oauth/token", form=form, basic=WEB)
    assert answer.status == 200 or answer.json == {
        "error": "invalid_grant",
        "error_description": "Bad credentials",
        "reason": "bad_credentials",
    }
    return answer.status == 200


def is_alive(api: Api, tokens: Any, client: tuple[str, str] = WEB) -> tuple[bool, bool]:
    """Whether the access token and (asked second, since it rotates) the refresh token still work."""
    access = api.post("/user/checkOauthToken", bearer=tokens["access_token"]).json["status"] == 1
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    return access, api.post("/oauth/token", form=form, basic=client).status == 200
