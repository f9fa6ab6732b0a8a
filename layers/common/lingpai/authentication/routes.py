"""The routes of `/users/*` (seed 003) that change login methods of an account, by its owner or by an admin."""

from collections.abc import Mapping
from typing import Any

from lingpai.accounts import roles
from lingpai.accounts import service as accounts
from lingpai.accounts.caller import Caller, authenticate, is_admin, require_self_or_admin, require_user
from lingpai.accounts.routes import keeping_an_admin
from lingpai.authentication import factors, own_account, password_change, recent_login
from lingpai.authentication.factors import Owner
from lingpai.authentication.recent_login import FreshProof
from lingpai.clients.request_authentication import authenticated_client, end_user_address
from lingpai.http import envelope, fields, observability
from lingpai.http.request import CLIENT, Request, json_body, parameters, require
from lingpai.http.response import Reply
from lingpai.identity_providers.model import OPENID_MAX, Identity
from lingpai.kernel import phone_numbers
from lingpai.kernel.errors import forbidden, invalid_request, invalid_token
from lingpai.passwords import service as passwords
from lingpai.services import Services
from lingpai.sms.notices import Notice
from lingpai.sms_codes.model import Presenter


def save(services: Services, request: Request) -> Reply:
    """Create an account or, with an `id`, change it, as an admin; `message` is its id."""
    caller = authenticate(services, request)
    body = json_body(request)
    user_id = fields.optional_id(body, "id")
    entries = fields.optional_objects(body, "roleList")
    role_ids = None
    if entries is not None:
        role_ids = roles.ids_of(caller.book, [fields.text(entry, "roleName") for entry in entries])
    if user_id is None:
        username = fields.text(body, "username", numbers="whole")
        password = fields.text(body, "password", passwords.LONGEST, opaque=True)
        return envelope.done(accounts.create(services, username, password, role_ids or frozenset()))
    new_name = fields.optional_text(body, "username", numbers="whole")
    new_password = fields.optional_text(body, "password", passwords.LONGEST, opaque=True)
    if new_password and caller.user is not None and caller.user.id == user_id:
        recent_login.require(services, caller.user, caller.session, FreshProof(), Presenter(None, request.source_ip))
    checks = keeping_an_admin(services, caller, user_id, role_ids)
    accounts.save(services, user_id, new_name or None, new_password or None, role_ids, *checks)
    return envelope.done(user_id)


def update(services: Services, request: Request) -> Reply:
    """Set `phone`, proven by the code sent to it unless the caller is an admin; set `openId`, only as an admin."""
    caller = authenticate(services, request)
    body = json_body(request)
    user_id = fields.an_id(body, "id")
    require_self_or_admin(services, caller, user_id)
    admin = is_admin(services, caller)
    phone = fields.optional_text(body, "phone", numbers="whole")
    openid = fields.optional_text(body, "openId", OPENID_MAX)
    if openid is not None and not admin:
        raise forbidden()
    if openid == "":
        raise invalid_request("missing_parameter", name="openId")
    number = code = None
    if phone is not None:
        number = phone_numbers.parse_mobile(phone, services.settings)
        code = None if admin else fields.code(body, "code")
    identity = _identity(services, caller, openid) if openid is not None else None
    owner = None
    if number is not None or identity is not None:
        owner = _owner(services, request, caller, user_id, body)
    presenter = own_account.presenter(services, request, caller)
    factors.link(services, user_id, number, code, identity, presenter, owner, _notice(request, caller))
    return envelope.done()


def remove_phone(services: Services, request: Request) -> Reply:
    """Remove the account's number; its owner may not remove the last login method."""
    caller = authenticate(services, request)
    body = json_body(request)
    user_id = fields.an_id(body, "id")
    require_self_or_admin(services, caller, user_id)
    owner = _owner(services, request, caller, user_id, body)
    factors.remove_number(services, user_id, owner, _notice(request, caller))
    return envelope.done()


def reset_password(services: Services, request: Request) -> Reply:
    """Set the password of the account of `mobile`, proven by the `code` sent to it; all its sessions end."""
    given = parameters(request, CLIENT | {"mobile", "code", "newPassword"})
    client = authenticated_client(services, request, given)
    with observability.log_client(client):
        require(given, "mobile", "code", "newPassword")
        number = phone_numbers.parse_mobile(given["mobile"], services.settings)
        told = end_user_address(request, client)
        presenter = Presenter.of(client, told or request.source_ip, forwarded=told is not None)
        password_change.reset_password(services, number, given["code"], given["newPassword"], presenter)
    return envelope.done().about(client.id)


def update_password(services: Services, request: Request) -> Reply:
    """Change the caller's own password; the other sessions end."""
    caller = authenticate(services, request)
    user = require_user(caller)
    body = json_body(request)
    if fields.an_id(body, "userId") != user.id:
        raise forbidden("self_only")
    recent_login.refuse_one_factor(services, user, caller.session)
    old = fields.text(body, "oldPassword", passwords.LONGEST, opaque=True)
    new = fields.text(body, "newPassword", passwords.LONGEST, opaque=True)
    password_change.change_password(services, user.id, old, new, caller.session.key)
    return envelope.done()


def _owner(services: Services, request: Request, caller: Caller, user_id: int, body: Mapping[str, Any]) -> Owner | None:
    """The owner, who must prove the account, if the caller changes their own; None if an admin changes another's."""
    if caller.user is None or caller.user.id != user_id:
        return None
    evidence = own_account.prove(services, request, caller, caller.user, body)
    return Owner(caller.session.key, evidence)


def _notice(request: Request, caller: Caller) -> Notice:
    return Notice(caller.session.client_id, request.language)


def _identity(services: Services, caller: Caller, openid: str) -> Identity:
    """The openid in the app of the caller's client, if its record names one; else in the default app of `trusted`."""
    client = services.clients.get_client(caller.session.client_id)
    if client is None:
        raise invalid_token()
    provider = services.identity_providers.get(client.sign_provider or "trusted")
    if provider is None:
        raise forbidden("provider_not_allowed")
    return provider.identity(client, openid)


ROUTES = (
    envelope.legacy_json("/users/save", save, needs="admin"),
    envelope.legacy_json("/users/update", update, needs="account"),
    envelope.legacy_json("/users/pwd/update", update_password, needs="account"),
    envelope.legacy_json("/users/pwd/reset", reset_password),
    envelope.legacy_json("/users/phone/remove", remove_phone, needs="account"),
)
