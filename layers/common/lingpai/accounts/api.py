"""Requests and responses of the routes of accounts, profiles and roles (docs/openapi.yaml)."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from lingpai.accounts import profile_routes, role_routes, routes
from lingpai.http.api import Answer, Body, Done, Message, Operation, bearer_refusals, legacy_refusals
from lingpai.http.example import ADMIN, READER, ROLE, Account, Example, called
from lingpai.http.router import Endpoint

Id = Annotated[int, Field(gt=0, lt=2**53, examples=[7])]
GivenId = Annotated[int | str, Field(description="A number, or its digits as text.", examples=[7])]
Username = Annotated[str | int, Field(description="1 to 150 characters.", examples=["mei"])]
Password = Annotated[str, Field(description="8 (PASSWORD_MIN_LENGTH) to 128 characters.", examples=["plum-blossom"])]
Moment = Annotated[str, Field(description="`yyyy-MM-dd HH:mm:ss`", examples=["2026-01-05 08:00:00"])]
RoleName = Annotated[str, Field(examples=["editor"])]


class Role(Answer):
    """A role of the deployment."""

    id: Id
    roleName: RoleName


class User(Answer):
    """An account as clients see it."""

    id: Id
    username: Annotated[str | None, Field(examples=["alice"])]
    phone: Annotated[str | None, Field(examples=["13312341234"])]
    openId: Annotated[str | None, Field(examples=["oGZUI0egBJY1zhBYw2KhdUfwVJJE"])]
    roleList: list[Role]
    createTime: Moment


class Users(Answer):
    """A page of accounts. `cursor` asks for the next one; null after the last."""

    items: list[User]
    cursor: str | None


class ProfileFields(Body):
    """The fields of a profile, as text."""

    name: str | None = None
    age: str | None = None
    phone: str | None = None
    gender: str | None = None
    addr: str | None = None
    nation: str | None = None
    instruction: str | None = None
    images: str | None = None
    createTime: Moment | None = None
    birthday: Annotated[str | None, Field(description="`yyyy-MM-dd`", examples=["2001-02-03"])] = None


class Profile(Answer):
    """The profile of an account."""

    id: Id
    name: str | None
    age: str | None
    phone: str | None
    gender: str | None
    addr: str | None
    createTime: str | None
    nation: str | None
    instruction: str | None
    images: str | None
    birthday: str | None


class ProfileChange(ProfileFields):
    """Fields of the profile of `id`; those that are absent or null stay."""

    id: GivenId


class ById(Body):
    """An account, or a role."""

    id: GivenId


class Versions(Body):
    """The versions in force of the terms and of the privacy policy, where the user has accepted them."""

    termsVersion: Annotated[str | None, Field(examples=["2026-01-01"])] = None
    policyVersion: Annotated[str | None, Field(examples=["2026-01-01"])] = None


class NewUser(Versions):
    """A new account."""

    username: Username
    password: Password


class Agreement(Answer):
    """A version of a document that the user has accepted."""

    document: Literal["terms", "policy"]
    version: str
    time: Moment


class Agreements(Answer):
    """What the user has accepted, and the documents whose version in force is still to be accepted."""

    accepted: list[Agreement]
    missing: list[Literal["terms", "policy"]]


class GivenRole(Body):
    """A role by its id."""

    id: GivenId


class RolesOfUser(Body):
    """The roles that an account shall have; none for an empty list."""

    id: GivenId
    roleList: list[GivenRole]


class UserSearch(Body):
    """An account by its id or, without it, its name."""

    id: GivenId | None = None
    username: Username | None = None


class PageOfUsers(Body):
    """A page of accounts."""

    limit: Annotated[int | str, Field(description="1 to 100; 20 by default.")] = 20
    cursor: Annotated[str | None, Field(description="That of the page before.")] = None


class SavedRole(Body):
    """A new role or, with an `id`, a new name for that role."""

    roleName: RoleName
    id: GivenId | None = None


OPERATIONS: Mapping[Endpoint, Operation] = {
    routes.register: Operation(
        "Register an account", Message[Id], legacy_refusals(401, 403, 409), NewUser, client="optional"
    ),
    routes.update_roles: Operation("Set the roles of an account", Done, bearer_refusals(404, 409), RolesOfUser),
    routes.find: Operation("Find an account by id or name", Message[User | None], bearer_refusals(404), UserSearch),
    routes.accept: Operation(
        "Note which terms the user has accepted", Message[Agreements], bearer_refusals(409), Versions
    ),
    routes.current: Operation("Give the caller's account", Message[User], bearer_refusals()),
    routes.list_all: Operation("List accounts by pages", Message[Users], bearer_refusals(), PageOfUsers),
    routes.delete: Operation("Delete an account", Done, bearer_refusals(404, 409), ById),
    profile_routes.current: Operation("Give the caller's profile", Message[Profile], bearer_refusals()),
    profile_routes.get: Operation("Give the profile of an account", Message[Profile], bearer_refusals(404), ById),
    profile_routes.update: Operation("Change the profile of an account", Done, bearer_refusals(404), ProfileChange),
    role_routes.list_all: Operation("List the roles", Message[list[Role]], bearer_refusals()),
    role_routes.save: Operation("Make or rename a role", Message[Id], bearer_refusals(404, 409), SavedRole),
    role_routes.delete: Operation("Delete a role", Done, bearer_refusals(404, 409), ById),
}

_LEAVER = Account(107, "example-leaver")
_MEMBER = Account(106, "example-member")
_ME = {"id": "{id}"}

EXAMPLES: Mapping[str, Example] = {
    "users-register": Example("/users/register", content={"username": "mei", "password": "plum-blossom"}),
    "users-role-update": called("/users/role/update", ADMIN, {**_ME, "roleList": [{"id": 2}]}, about=_MEMBER),
    "users-find": called("/users/find", ADMIN, {"username": "alice"}),
    "users-list": called("/users/list", ADMIN, {"limit": 20}),
    "users-delete": called("/users/delete", ADMIN, _ME, about=_LEAVER),
    "users-agreements": called("/users/agreements", READER, {}),
    "users-current": called("/users/current", READER, method="GET"),
    "user-detail-current": called("/userDetail/current", READER),
    "user-detail-get": called("/userDetail/get", READER, _ME),
    "user-detail-update": called("/userDetail/update", READER, {**_ME, "name": "爱丽丝", "birthday": "2001-02-03"}),
    "roles-list": called("/roles/list", ADMIN),
    "roles-save": called("/roles/save", ADMIN, {"roleName": "editor"}),
    "roles-delete": called("/roles/delete", ADMIN, {"id": ROLE[0]}),
}
