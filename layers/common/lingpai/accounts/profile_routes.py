"""`/userDetail/*` (seed 003): the profile of an account, under the names that the seed has for its fields."""

from dataclasses import replace
from typing import Any

from lingpai.accounts import identities
from lingpai.accounts import service as accounts
from lingpai.accounts.caller import authenticate, require_self_or_admin, require_user
from lingpai.accounts.model import User
from lingpai.accounts.profile_names import FIELDS, LIMITS, by_seed_names
from lingpai.http import envelope, fields
from lingpai.http.request import Request, json_body
from lingpai.http.response import Reply
from lingpai.kernel.errors import not_found
from lingpai.services import Services


def current(services: Services, request: Request) -> Reply:
    """The caller's own profile."""
    return envelope.done(shown(services, require_user(authenticate(services, request))))


def get(services: Services, request: Request) -> Reply:
    """The profile of the account `id`, for itself or an admin."""
    user_id = fields.an_id(json_body(request), "id")
    caller = authenticate(services, request, user_id)
    require_self_or_admin(services, caller, user_id)
    user = caller.known.users.get(user_id)
    if user is None:
        raise not_found("user_not_found")
    return envelope.done(shown(services, user))


def update(services: Services, request: Request) -> Reply:
    """Change the fields given of the profile of `id`; those absent or null stay."""
    caller = authenticate(services, request)
    body = json_body(request)
    user_id = fields.an_id(body, "id")
    require_self_or_admin(services, caller, user_id)
    given: dict[str, str | None] = {
        name: fields.optional_text(body, name, LIMITS[field], lines=True, numbers="any")
        for name, field in FIELDS.items()
        if field in LIMITS
    }
    offset = services.settings.utc_offset_minutes
    given["createTime"] = fields.optional_moment(body, "createTime", offset)
    given["birthday"] = fields.optional_day(body, "birthday", offset)
    changes = {FIELDS[name]: value for name, value in given.items() if value is not None}
    accounts.change(services, user_id, lambda user: replace(user, profile=replace(user.profile, **changes)))
    return envelope.done()


def shown(services: Services, user: User) -> dict[str, Any]:
    """A profile as clients see it. One never written has the account's name and time of making."""
    detail = by_seed_names(user.profile)
    if detail["name"] is None:
        detail["name"] = identities.display_name(services, user)
    if detail["createTime"] is None:
        detail["createTime"] = fields.moment_text(user.created_at, services.settings.utc_offset_minutes)
    return {"id": user.id, **detail}


ROUTES = (
    envelope.legacy_json("/userDetail/current", current, needs="account", changes=False),
    envelope.legacy_json("/userDetail/get", get, needs="account", changes=False),
    envelope.legacy_json("/userDetail/update", update, needs="account"),
)
