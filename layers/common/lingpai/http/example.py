"""Example requests, one or more for each route: the events of `events/`, and the examples in docs/openapi.yaml.

Each feature has its own in its module `api`: `EXAMPLES`, by the name of the event. `local.examples` stores what they
refer to, so that each of them succeeds. Their secrets are public: they are for local stores only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

# Clients of the demo data, as (id, secret), and as the fields of a body.
WEB = ("web-client", "web-secret")
STANDARD = ("standard-client", "standard-secret")
WEB_APP = ("web-app", "web-app-secret")
MACHINE = ("machine-client", "machine-secret")
DJANGO = {"client_id": "django-app", "client_secret": "django-secret"}
PASSPORT = {"client_id": "2", "client_secret": "passport-secret"}
USERCENTER = {"sysid": "aaaa", "client_id": "23"}

# A mobile number and the code that was sent to it.
CODE_FIELDS = {"mobile": "{mobile}", "code": "{code}"}
ROLE = (900, "example-role")
# What the ID token `{id_token}` was asked for with.
NONCE = "n-0S6_WzA2Mj"


@dataclass(frozen=True)
class Account:
    """An account of the examples. An event that changes one has its own, so that no event affects another."""

    id: int
    name: str
    admin: bool = False
    mobile: str | None = None
    openids: tuple[tuple[str, str], ...] = ()


ADMIN = Account(101, "example-admin", admin=True)
READER = Account(102, "example-reader")


@dataclass(frozen=True)
class SentCode:
    """A code that was sent to `number` (E.164) for a client."""

    number: str
    client_id: str = WEB[0]
    purpose: Literal["login", "link", "reset", "change"] = "login"


@dataclass(frozen=True)
class Example:
    """A request. A field that is `{name}` stands for a value that is stored for this event.

    `caller` has a session at `client_id`: its `{token}`, `{refresh_token}` and `{id}`. With `bearer` the token is a
    header of the request. `about` is the account whose id `{id}` is, where it is not the caller's.
    `code` gives `{mobile}` and `{code}`. `{id_token}` is an unused ID token of the example's OpenID provider.
    `status` is what it is answered with.
    """

    path: str
    method: str = "POST"
    form: Mapping[str, str] | None = None
    content: Mapping[str, Any] | None = None
    basic: tuple[str, str] | None = None
    bearer: bool = False
    caller: Account | None = None
    client_id: str = WEB[0]
    about: Account | None = None
    code: SentCode | None = None
    status: int = 200

    @property
    def fields(self) -> Mapping[str, Any]:
        """The fields of the body."""
        return self.form or self.content or {}


def called(path: str, caller: Account, content: Mapping[str, Any] | None = None, **more: Any) -> Example:
    """A request of Lingpai's own API: JSON, with the caller's bearer token."""
    return Example(path, content=content, bearer=True, caller=caller, **more)
