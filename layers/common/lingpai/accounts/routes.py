"""`/users/*` (seed 003): accounts, by their owners and by admins."""

import base64
from typing import Any

from lingpai.accounts import agreements, identities, last_admin, roles
from lingpai.accounts import service as accounts
from lingpai.accounts.caller import Caller, authenticate, require_self_or_admin, require_user
from lingpai.accounts.model import RoleBook, User
from lingpai.accounts.registration import registering
from lingpai.http import envelope, fields
from lingpai.http.request import Request, json_body
from lingpai.http.response import Reply
from lingpai.identity_providers.model import is_union
from lingpai.kernel import phone_numbers
from lingpai.kernel.errors import invalid_request
from lingpai.kernel.writes import Write
from lingpai.passwords import service as passwords
from lingpai.services import Services

PAGE = 20
PAGE_MAX = 100


def register(services: Services, request: Request) -> Reply:
    """A new account for whoever may register; `message` is its id. An id or roles sent along are ignored."""
    with registering(services, request) as registrar:
        body = json_body(request)
        username = fields.text(body, "username", numbers="whole")
        password = fields.text(body, "password", passwords.LONGEST, opaque=True)
        accepted = agreements.given(services, body, registrar.address, registrar.client_id or "")
        user_id = accounts.register(services, username, password, registrar.address, agreements=accepted)
    return envelope.done(user_id).about(registrar.client_id)


def update_roles(services: Services, request: Request) -> Reply:
    """An admin gives the account exactly these roles; an empty list takes all away."""
    caller = authenticate(services, request)
    body = json_body(request)
    user_id = fields.an_id(body, "id")
    entries = fields.optional_objects(body, "roleList")
    if entries is None:
        raise invalid_request("missing_parameter", name="roleList")
    ids = roles.known_ids(caller.book, frozenset(fields.an_id(entry, "id") for entry in entries))
    accounts.save(services, user_id, None, None, ids, *keeping_an_admin(services, caller, user_id, ids))
    return envelope.done()


def find(services: Services, request: Request) -> Reply:
    """One user by `id` or, without it, `username`; null where an admin asks for one that is not there."""
    body = json_body(request)
    user_id = fields.optional_id(body, "id")
    username = fields.optional_text(body, "username", numbers="whole")
    caller = authenticate(services, request, *([user_id] if user_id is not None else []))
    if user_id is None:
        if username is None:
            raise invalid_request("id_or_username")
        user_id = identities.find_by_name(services, username)
    require_self_or_admin(services, caller, user_id)
    user = None
    if user_id is not None:
        user = caller.known.users.get(user_id) or services.store.get_user(user_id)
    return envelope.done(shown(services, user, caller.book) if user else None)


def current(services: Services, request: Request) -> Reply:
    """The user whose token it is."""
    caller = authenticate(services, request)
    return envelope.done(shown(services, require_user(caller), caller.book))


def accept(services: Services, request: Request) -> Reply:
    """Note that the caller has accepted `termsVersion`, `policyVersion`; `message` is what they accepted, and when."""
    caller = authenticate(services, request)
    user = require_user(caller)
    accepted = agreements.given(services, json_body(request), request.source_ip, caller.session.client_id)
    if accepted:
        user = agreements.add(services, user.id, accepted)
    listed = [
        {
            "document": agreement.document,
            "version": agreement.version,
            "time": fields.moment_text(agreement.at, services.settings.utc_offset_minutes),
        }
        for agreement in user.agreements
    ]
    return envelope.done({"accepted": listed, "missing": list(agreements.missing(services.settings, user))})


def list_all(services: Services, request: Request) -> Reply:
    """A page of users for an admin: `limit` (1 to 100, 20 by default) and the `cursor` of the page before."""
    caller = authenticate(services, request)
    body = json_body(request)
    limit = fields.whole_number(body, "limit", PAGE, 1, PAGE_MAX)
    page = services.store.list_users(limit, _read_cursor(fields.optional_text(body, "cursor")))
    items = [shown(services, user, caller.book) for user in page.users]
    return envelope.done({"items": items, "cursor": None if page.next is None else _cursor(page.next)})


def delete(services: Services, request: Request) -> Reply:
    """An admin deletes an account: its sessions end and its names are free."""
    caller = authenticate(services, request)
    user_id = fields.an_id(json_body(request), "id")
    accounts.delete(services, user_id, *keeping_an_admin(services, caller, user_id))
    return envelope.done()


def shown(services: Services, user: User, book: RoleBook) -> dict[str, Any]:
    """A user as clients see one; never a hash."""
    settings = services.settings
    return {
        "id": user.id,
        "username": identities.display_name(services, user),
        "phone": phone_numbers.national(user.mobile, settings.home_country) if user.mobile else None,
        "openId": next((openid for issuer, openid in user.openids if not is_union(issuer)), None),
        "roleList": [{"id": role_id, "roleName": name} for role_id, name in book.names if role_id in user.roles],
        "createTime": fields.moment_text(user.created_at, settings.utc_offset_minutes),
    }


def keeping_an_admin(
    services: Services, caller: Caller, user_id: int, role_ids: frozenset[int] | None = frozenset()
) -> tuple[Write, ...]:
    """The checks for giving the account these roles (None: those that it has) or, with none, for deleting it."""
    if role_ids is None or caller.book.id_of(services.settings.admin_role) in role_ids:
        return ()
    actor_id = caller.user.id if caller.user else None
    return last_admin.keep_one(services, caller.book, actor_id, user_id)


def _cursor(user_id: int) -> str:
    return base64.urlsafe_b64encode(user_id.to_bytes(7)).decode().rstrip("=")


def _read_cursor(cursor: str | None) -> int | None:
    if not cursor:
        return None
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars="-_", validate=True)
    except ValueError:
        raise invalid_request("bad_cursor") from None
    user_id = int.from_bytes(raw)
    if len(raw) != 7 or not 0 < user_id <= fields.MAX_ID:
        raise invalid_request("bad_cursor")
    return user_id


ROUTES = (
    envelope.legacy_json("/users/register", register),
    envelope.legacy_json("/users/role/update", update_roles, needs="admin"),
    envelope.legacy_json("/users/find", find, needs="account", changes=False),
    envelope.legacy_json("/users/list", list_all, needs="admin", changes=False),
    envelope.legacy_json("/users/delete", delete, needs="admin"),
    envelope.legacy_json("/users/agreements", accept, needs="account"),
    envelope.legacy_json("/users/current", current, methods=("GET", "POST"), needs="account", changes=False),
)
