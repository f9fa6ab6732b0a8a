"""`/users/identities*`: the login methods of one's own account; linking and unlinking third-party identities."""

from typing import Any

from lingpai.accounts.caller import Caller, authenticate, require_user
from lingpai.accounts.model import User
from lingpai.authentication import factors, own_account
from lingpai.authentication.factors import Owner
from lingpai.http import envelope, fields
from lingpai.http.request import Request, json_body
from lingpai.http.response import Reply
from lingpai.identity_providers import service as identity_providers
from lingpai.kernel import phone_numbers
from lingpai.services import Services


def current(services: Services, request: Request) -> Reply:
    """The login methods of the caller's account; numbers and ids are masked."""
    return envelope.done(_shown(services, require_user(authenticate(services, request))))


def link(services: Services, request: Request) -> Reply:
    """Link the identity that `sign` (and `nonce`) prove to the caller's account; its other sessions end."""
    caller, user = _owner(services, request)
    body = json_body(request)
    credential = own_account.credential_in(body)
    client, provider = own_account.provider_of(services, caller, fields.optional_text(body, "provider") or None)
    evidence = own_account.prove(services, request, caller, user, body, by_sign=False)
    identity = identity_providers.identify(services, provider, client, credential, request.source_ip)
    after = factors.link_identity(services, user.id, identity, Owner(caller.session.key, evidence))
    return envelope.done(_shown(services, after))


def unlink(services: Services, request: Request) -> Reply:
    """Unlink the identities of `provider`, or of its one `app`; other sessions end. The response is that of `link`."""
    caller, user = _owner(services, request)
    body = json_body(request)
    provider, app = fields.text(body, "provider"), fields.optional_text(body, "app") or None
    evidence = own_account.prove(services, request, caller, user, body, by_sign=False)
    after = factors.unlink_identity(services, user.id, provider, app, Owner(caller.session.key, evidence))
    return envelope.done(_shown(services, after))


def _owner(services: Services, request: Request) -> tuple[Caller, User]:
    """The caller and their account."""
    caller = authenticate(services, request)
    return caller, require_user(caller)


def _shown(services: Services, user: User) -> dict[str, Any]:
    number = phone_numbers.national(user.mobile, services.settings.home_country) if user.mobile else None
    return {
        "username": user.username is not None,
        "password": user.password is not None,
        "phone": f"{number[:3]}****{number[-4:]}" if number else None,
        "identities": [
            {"provider": provider, "app": app, "id": _masked(openid)}
            for provider, app, openid in factors.linked(services, user)
        ],
    }


def _masked(openid: str) -> str:
    """The id with its middle hidden: a quarter at each end is left, four characters at most."""
    shown = min(4, len(openid) // 4)
    return f"{openid[:shown]}***{openid[len(openid) - shown :]}"


ROUTES = (
    envelope.legacy_json("/users/identities", current, methods=("GET", "POST"), needs="account", changes=False),
    envelope.legacy_json("/users/identities/link", link, needs="account"),
    envelope.legacy_json("/users/identities/unlink", unlink, needs="account"),
)
