"""Authentication by an identity at a third party (see `identity_providers`)."""

from dataclasses import replace

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


def authenticate(services: Services, client: Client, identity: Identity) -> Authenticated:
    """Authenticate by an identity that a third party has proven; the first login creates the account."""
    single_use = identity_providers.single_use(identity)

    def take_back() -> None:
        for write in single_use:
            services.store.undo_increment(write)

    proven = ProvenIdentity(
        login_methods.FEDERATED,
        tuple(identities.openid_key(issuer, openid) for issuer, openid in identity.names),
        lambda user: with_identity(user, identity),
        single_use,
        after_commit=lambda: None,
        after_unavailable=take_back,
    )
    return by_identity.authenticate(services, client, proven)


def with_identity(user: User, identity: Identity) -> User:
    """The account with the identity's ids added, except where it has others in their place."""
    return replace(user, openids=tuple(sorted((dict(identity.names) | dict(user.openids)).items())))
