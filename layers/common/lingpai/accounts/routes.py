"""`/users/*` (seed 003): accounts, by their owners and by admins."""

import base64
from collections.abc import Mapping
from typing import Any

from lingpai.accounts import last_admin, roles
from lingpai.accounts import service as accounts
from lingpai.accounts.caller import Caller, authenticate, is_admin, require_self_or_admin, require_user
from lingpai.accounts.model import RoleBook, User
from lingpai.accounts.registering import registering
from lingpai.authentication import own_account, recent_login
from lingpai.authentication.own_account import PASSWORD_FIELD
from lingpai.authentication.recent_login import FreshProof
from lingpai.clients.request_authentication import authenticated_client
from lingpai.http import envelope, fields, observability
from lingpai.http.request import CLIENT, Request, end_user_address, json_body, parameters, require
from lingpai.http.response import Reply
from lingpai.identity_providers.model import Identity, is_union
from lingpai.kernel import phone_numbers as numbers
from lingpai.kernel.errors import forbidden, invalid_request, invalid_token
from lingpai.kernel.writes import Write
from lingpai.services import Services
from lingpai.sms.notices import Notice
from lingpai.sms_codes.model import Guesser

PAGE = 20
PAGE_MAX = 100


def register(services: Services, request: Request) -> Reply:
    """A new account for whoever may register; `message` is its id. An id or roles sent along are ignored."""
    with registering(services, request) as registrar:
        body = json_body(request)
        username = fields.text(body, "username", numbers="whole")
        password = fields.text(body, "password", PASSWORD_FIELD, opaque=True)
        user_id = accounts.register(services, username, password, registrar.address)
    return envelope.done(user_id).about(registrar.client_id)


def save(services: Services, request: Request) -> Reply:
    """An admin makes an account or, given an `id`, changes it; `message` is its id."""
    caller = authenticate(services, request)
    body = json_body(request)
    user_id = fields.optional_id(body, "id")
    entries = fields.optional_objects(body, "roleList")
    role_ids = None
    if entries is not None:
        role_ids = accounts.role_ids(caller.book, [fields.text(entry, "roleName") for entry in entries])
    if user_id is None:
        username = fields.text(body, "username", numbers="whole")
        password = fields.text(body, "password", PASSWORD_FIELD, opaque=True)
        return envelope.done(accounts.create(services, username, password, role_ids or frozenset()))
    new_name = fields.optional_text(body, "username", numbers="whole")
    new_password = fields.optional_text(body, "password", PASSWORD_FIELD, opaque=True)
    if new_password and caller.user is not None and caller.user.id == user_id:
        recent_login.require(services, caller.user, caller.session, FreshProof(), Guesser(None, request.source_ip))
    checks = _keeping_an_admin(services, caller, user_id, role_ids)
    accounts.save(services, user_id, new_name or None, new_password or None, role_ids, *checks)
    return envelope.done(user_id)


def update(services: Services, request: Request) -> Reply:
    """A new `phone`, proven by the code sent to it unless an admin asks; a new `openId`, by an admin alone."""
    caller = authenticate(services, request)
    body = json_body(request)
    user_id = fields.an_id(body, "id")
    require_self_or_admin(services, caller, user_id)
    admin = is_admin(services, caller)
    phone = fields.optional_text(body, "phone", numbers="whole")
    openid = fields.optional_text(body, "openId", accounts.OPENID_MAX)
    if openid is not None and not admin:
        raise forbidden()
    if openid == "":
        raise invalid_request("missing_parameter", name="openId")
    number = code = None
    if phone is not None:
        number = numbers.parse_mobile(phone, services.settings)
        code = None if admin else fields.code(body, "code")
    identity = _identity(services, caller, openid) if openid is not None else None
    owner = None
    if number is not None or identity is not None:
        owner = _owner(services, request, caller, user_id, body)
    guesser = own_account.guesser(services, request, caller)
    accounts.link(services, user_id, number, code, identity, guesser, owner, _notice(request, caller))
    return envelope.done()


def remove_phone(services: Services, request: Request) -> Reply:
    """The account's number logs in to it no more; for its owner only where there is another way in."""
    caller = authenticate(services, request)
    body = json_body(request)
    user_id = fields.an_id(body, "id")
    require_self_or_admin(services, caller, user_id)
    owner = _owner(services, request, caller, user_id, body)
    accounts.remove_number(services, user_id, owner, _notice(request, caller))
    return envelope.done()


def reset_password(services: Services, request: Request) -> Reply:
    """A password for the account of `mobile`, proven by the `code` sent to it for that; all of its sessions end."""
    given = parameters(request, CLIENT | {"mobile", "code", "newPassword"})
    client = authenticated_client(services, request, given)
    with observability.log_client(client):
        require(given, "mobile", "code", "newPassword")
        number = numbers.parse_mobile(given["mobile"], services.settings)
        told = end_user_address(request, client)
        guesser = Guesser.of(client, told or request.source_ip, forwarded=told is not None)
        accounts.reset_password(services, number, given["code"], given["newPassword"], guesser)
    return envelope.done().about(client.id)


def update_password(services: Services, request: Request) -> Reply:
    """The account's own change of its password; its other sessions end."""
    caller = authenticate(services, request)
    user = require_user(caller)
    body = json_body(request)
    if fields.an_id(body, "userId") != user.id:
        raise forbidden("self_only")
    old = fields.text(body, "oldPassword", PASSWORD_FIELD, opaque=True)
    new = fields.text(body, "newPassword", PASSWORD_FIELD, opaque=True)
    accounts.change_password(services, user.id, old, new, caller.session.key)
    return envelope.done()


def update_roles(services: Services, request: Request) -> Reply:
    """An admin gives the account exactly these roles; an empty list takes all away."""
    caller = authenticate(services, request)
    body = json_body(request)
    user_id = fields.an_id(body, "id")
    entries = fields.optional_objects(body, "roleList")
    if entries is None:
        raise invalid_request("missing_parameter", name="roleList")
    ids = roles.known_ids(caller.book, frozenset(fields.an_id(entry, "id") for entry in entries))
    accounts.save(services, user_id, None, None, ids, *_keeping_an_admin(services, caller, user_id, ids))
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
        user_id = accounts.find_by_name(services, username)
    require_self_or_admin(services, caller, user_id)
    user = None
    if user_id is not None:
        user = caller.known.users.get(user_id) or services.store.get_user(user_id)
    return envelope.done(shown(services, user, caller.book) if user else None)


def current(services: Services, request: Request) -> Reply:
    """The user whose token it is."""
    caller = authenticate(services, request)
    return envelope.done(shown(services, require_user(caller), caller.book))


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
    accounts.delete(services, user_id, *_keeping_an_admin(services, caller, user_id))
    return envelope.done()


def shown(services: Services, user: User, book: RoleBook) -> dict[str, Any]:
    """A user as clients see one; never a hash."""
    settings = services.settings
    return {
        "id": user.id,
        "username": accounts.display_name(services, user),
        "phone": numbers.national(user.mobile, settings.home_country) if user.mobile else None,
        "openId": next((openid for issuer, openid in user.openids if not is_union(issuer)), None),
        "roleList": [{"id": role_id, "roleName": name} for role_id, name in book.names if role_id in user.roles],
        "createTime": fields.moment_text(user.created_at, settings.utc_offset_minutes),
    }


def _keeping_an_admin(
    services: Services, caller: Caller, user_id: int, role_ids: frozenset[int] | None = frozenset()
) -> tuple[Write, ...]:
    """The checks for giving the account these roles (None: those that it has) or, with none, for deleting it."""
    if role_ids is None or caller.book.id_of(services.settings.admin_role) in role_ids:
        return ()
    actor_id = caller.user.id if caller.user else None
    return last_admin.keep_one(services, caller.book, actor_id, user_id)


def _owner(
    services: Services, request: Request, caller: Caller, user_id: int, body: Mapping[str, Any]
) -> accounts.Owner | None:
    """Who changes their own account, once they have proven it; None for an admin's change of another's."""
    if caller.user is None or caller.user.id != user_id:
        return None
    evidence = own_account.prove(services, request, caller, caller.user, body)
    return accounts.Owner(caller.session.key, evidence)


def _notice(request: Request, caller: Caller) -> Notice:
    return Notice(caller.session.client_id, request.language)


def _identity(services: Services, caller: Caller, openid: str) -> Identity:
    """The openid in the app of the caller's client, where that names one; else in the trusted default."""
    client = services.clients.get_client(caller.session.client_id)
    if client is None:
        raise invalid_token()
    provider = services.sign_providers.get(client.sign_provider or "trusted")
    if provider is None:
        raise forbidden("provider_not_allowed")
    return provider.identity(client, openid)


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
