"""Requests and responses of the routes that change an account's login methods (docs/openapi.yaml)."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from lingpai.accounts.api import GivenId, Id, Password, RoleName, Username
from lingpai.authentication import identity_routes, routes, wechat_notices
from lingpai.http.api import (
    Answer,
    Body,
    ClientFields,
    Done,
    Message,
    Operation,
    PlainText,
    bearer_refusals,
    legacy_refusals,
)
from lingpai.http.example import ADMIN, CODE_FIELDS, NONCE, READER, WEB, Account, Example, SentCode, called
from lingpai.http.router import Endpoint

Code = Annotated[str | int, Field(description="The six digits that were sent.", examples=["123456"])]
Mobile = Annotated[str | int, Field(examples=["13312341234"])]
Provider = Annotated[str, Field(examples=["wechat"])]


class Proof(Body):
    """Fresh proof that the caller owns the account, if the login is older than RECENT_LOGIN: one of these."""

    password: Annotated[str | None, Field(description="The account's password.")] = None
    oldCode: Annotated[Code | None, Field(description="A code for `change`, sent to its current number.")] = None


class ProofBySign(Proof):
    """Fresh proof, also by the `sign` of one of the account's identities."""

    sign: str | None = None
    nonce: str | None = None
    provider: Provider | None = None


class NamedRole(Body):
    """A role by its name."""

    roleName: RoleName


class SavedUser(Body):
    """A new account or, with an `id`, changes of that account."""

    id: GivenId | None = None
    username: Username | None = None
    password: Password | None = None
    roleList: list[NamedRole] | None = None


class NumberOrOpenId(ProofBySign):
    """A new number, with the code sent to it unless the caller is an admin; a new openId, only by an admin."""

    id: GivenId
    phone: Mobile | None = None
    code: Code | None = None
    openId: str | None = None


class NumberRemoval(ProofBySign):
    """The account whose number is removed."""

    id: GivenId


class PasswordChange(Body):
    """The current password of the caller's account, and the new one."""

    userId: GivenId
    oldPassword: Annotated[str, Field(examples=["correct horse battery"])]
    newPassword: Password


class PasswordReset(ClientFields):
    """A new password for the account of a number, with a code for `reset` sent to the number."""

    mobile: Mobile
    code: Code
    newPassword: Password


class Link(Proof):
    """The `sign` of a third party: its identity can log in to the caller's account from now on."""

    sign: str
    nonce: str | None = None
    provider: Annotated[Provider | None, Field(description="By default the provider of the caller's client.")] = None


class Unlink(Proof):
    """An identity that can no longer log in to the account."""

    provider: Provider
    app: Annotated[str | None, Field(description="All apps of the provider by default.")] = None


class LinkedIdentity(Answer):
    """An identity of an account; its id is masked."""

    provider: Provider
    app: str
    id: Annotated[str, Field(examples=["oGZU***VJJE"])]


class LoginMethods(Answer):
    """The login methods of an account."""

    username: bool
    password: bool
    phone: Annotated[str | None, Field(description="Masked.", examples=["133****1234"])]
    identities: list[LinkedIdentity]


OPERATIONS: Mapping[Endpoint, Operation] = {
    routes.save: Operation("Create or change an account", Message[Id], bearer_refusals(404, 409), SavedUser),
    routes.update: Operation("Set the number or openId of an account", Done, bearer_refusals(404, 409), NumberOrOpenId),
    routes.update_password: Operation("Change one's own password", Done, bearer_refusals(), PasswordChange),
    routes.reset_password: Operation(
        "Set a password by a code", Done, legacy_refusals(401), PasswordReset, form=True, client="required"
    ),
    routes.remove_phone: Operation("Remove the number of an account", Done, bearer_refusals(404, 409), NumberRemoval),
    wechat_notices.notice: Operation("Take a notice of WeChat", PlainText, legacy_refusals(403)),
    identity_routes.current: Operation(
        "Return the login methods of one's own account", Message[LoginMethods], bearer_refusals()
    ),
    identity_routes.link: Operation("Link a third party's identity", Message[LoginMethods], bearer_refusals(409), Link),
    identity_routes.unlink: Operation(
        "Unlink a third party's identity", Message[LoginMethods], bearer_refusals(404, 409), Unlink
    ),
}

_FORGETFUL = Account(109, "example-forgetful", mobile="+8613312341246")
_LINKED = Account(105, "example-identity", openids=(("trusted:default", "example-openid"),))
_LINKER = Account(111, "example-linker")
_MOVER = Account(110, "example-mover", mobile="+8613312341247")
_PASSWORD = Account(103, "example-password")
_PHONE = Account(104, "example-phone")
_OLD, _NEW = "correct horse battery", "staple horse battery"

EXAMPLES: Mapping[str, Example] = {
    "users-save": called(
        "/users/save",
        ADMIN,
        {"username": "ming", "password": "bright-morning", "roleList": [{"roleName": "user"}]},
    ),
    "users-update": called(
        "/users/update",
        _PHONE,
        {"id": "{id}", "phone": "{mobile}", "code": "{code}"},
        code=SentCode("+8613312341245", purpose="link"),
    ),
    "users-pwd-update": called(
        "/users/pwd/update", _PASSWORD, {"userId": "{id}", "oldPassword": _OLD, "newPassword": _NEW}
    ),
    "users-pwd-reset": Example(
        "/users/pwd/reset",
        content={**CODE_FIELDS, "newPassword": _NEW},
        basic=WEB,
        about=_FORGETFUL,
        code=SentCode("+8613312341246", purpose="reset"),
    ),
    "users-phone-remove": called("/users/phone/remove", _MOVER, {"id": "{id}"}),
    "wechat-notices": Example("/wechat/notices/wx0123456789abcdef", method="GET", status=403),
    "users-identities": called("/users/identities", READER, method="GET"),
    "users-identities-link": called(
        "/users/identities/link", _LINKER, {"provider": "example", "sign": "{id_token}", "nonce": NONCE}
    ),
    "users-identities-unlink": called("/users/identities/unlink", _LINKED, {"provider": "trusted"}),
}
