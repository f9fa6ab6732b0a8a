"""Authentication by an identity at a third party (see `identity_providers`)."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from lingpai.accounts import identities
from lingpai.accounts.model import User
from lingpai.authentication import by_identity
from lingpai.authentication.by_identity import ProvenIdentity
from lingpai.authentication.model import Authenticated
from lingpai.clients.model import Client
from lingpai.identity_providers import service as identity_providers
from lingpai.identity_providers.model import Identity
from lingpai.services import Services
from lingpai.sessions import login_methods


def authenticate(services: Services, client: Client, identity: Identity, number: str | None = None) -> Authenticated:
    """Authenticate by an identity that a third party has proven; the first login creates the account.

    `number` (E.164) is a number that the third party has proven as well. The account is found by the id in the app, the
    id in all apps, or the number, in this order. What it lacks of them is added, except what another account has.
    """
    single_use = identity_providers.single_use(identity)

    def take_back() -> None:
        for write in single_use:
            services.store.undo_increment(write)

    proven = ProvenIdentity(
        login_methods.FEDERATED,
        _additions(identity, number),
        single_use,
        after_commit=lambda: None,
        after_unavailable=take_back,
    )
    return by_identity.authenticate(services, client, proven)


def with_identity(user: User, identity: Identity) -> User:
    """The account with the identity's ids added, except where it has others in their place."""
    for name in identity.names:
        user = _with_name(user, name)
    return user


def _additions(identity: Identity, number: str | None) -> dict[str, Callable[[User], User]]:
    """What adds each of these ids, and the number, to an account, by their keys."""
    additions: dict[str, Callable[[User], User]] = {
        identities.openid_key(*name): partial(_with_name, name=name) for name in identity.names
    }
    if number is not None:
        additions[identities.mobile_key(number)] = partial(_with_number, number=number)
    return additions


def _with_name(user: User, name: tuple[str, str]) -> User:
    """The account with an id under its issuer, unless it has another one there."""
    return replace(user, openids=tuple(sorted((dict((name,)) | dict(user.openids)).items())))


def _with_number(user: User, number: str) -> User:
    """The account with the number, unless it has another one."""
    return user if user.mobile is not None else replace(user, mobile=number)
