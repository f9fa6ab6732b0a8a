"""Proof of the caller's own account, read from a request that changes its login methods."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lingpai.accounts.caller import Caller
from lingpai.accounts.model import User
from lingpai.authentication import recent_login
from lingpai.authentication.recent_login import Evidence, FreshProof
from lingpai.clients.model import Client
from lingpai.http import fields
from lingpai.http.request import Request
from lingpai.identity_providers import service as identity_providers
from lingpai.identity_providers.model import Identity, ProviderCredential
from lingpai.identity_providers.provider import IdentityProvider
from lingpai.kernel.errors import LingpaiError, forbidden, invalid_token, recent_login_required
from lingpai.kernel.jws import TOKEN_MAX
from lingpai.passwords import service as passwords
from lingpai.services import Services
from lingpai.sms_codes.model import Presenter


def prove(
    services: Services, request: Request, caller: Caller, user: User, body: Mapping[str, Any], *, by_sign: bool = True
) -> Evidence:
    """The evidence for a change of `user`, the caller's account (see `recent_login.require`).

    The proof is one of `password`, `oldCode` and, `by_sign`, the `sign` of a third party (with `nonce` and `provider`).
    """
    recent_login.refuse_one_factor(services, user, caller.session)
    password = fields.optional_text(body, "password", passwords.LONGEST, opaque=True) or None
    code = fields.code(body, "oldCode") if body.get("oldCode") else None
    identity = None
    if by_sign and body.get("sign") and not recent_login.is_recent(services, caller.session):
        identity = _identity(services, request, caller, body)
    given = FreshProof(password, identity, code)
    return recent_login.require(services, user, caller.session, given, presenter(services, request, caller))


def presenter(services: Services, request: Request, caller: Caller) -> Presenter:
    """The client and address for which the caller's guesses at codes are counted."""
    return Presenter(services.clients.get_client(caller.session.client_id), request.source_ip)


def provider_of(services: Services, caller: Caller, named: str | None) -> tuple[Client, IdentityProvider]:
    """The provider that proves an identity, and the client on whose behalf it does.

    It is the provider of the caller's client, or (`named`) one of LINK_PROVIDERS. LingpaiError `access_denied` for any
    other, and for `trusted`, which relies on the client's word: a user's token does not vouch for the client.
    """
    client = services.clients.get_client(caller.session.client_id)
    if client is None or client.disabled:
        raise invalid_token()
    if named not in (None, client.sign_provider) and named in services.settings.link_providers:
        client = replace(client, sign_provider=named, sign_app="default")
    provider = services.identity_providers.get(client.sign_provider or "")
    if provider is None or named not in (None, client.sign_provider):
        raise forbidden("provider_not_allowed")
    if not provider.proves:
        raise forbidden("link_unproven")
    return client, provider


def credential_in(body: Mapping[str, Any]) -> ProviderCredential:
    """The `sign` of a third party and its `nonce`; LingpaiError `invalid_request` without a `sign`."""
    return ProviderCredential(fields.text(body, "sign", TOKEN_MAX), fields.optional_text(body, "nonce") or None)


def _identity(services: Services, request: Request, caller: Caller, body: Mapping[str, Any]) -> Identity:
    credential = credential_in(body)
    try:
        client, provider = provider_of(services, caller, fields.optional_text(body, "provider") or None)
        return identity_providers.identify(services, provider, client, credential, request.source_ip)
    except LingpaiError as error:
        if error.code not in ("access_denied", "invalid_grant"):
            raise
        raise recent_login_required(error.reason) from error
