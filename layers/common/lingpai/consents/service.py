"""Consents: asked of users for clients of others, remembered for account and client, revoked at any time.

A client of the deployment's owner (`first_party`) needs none (OpenID Connect Core section 3.1.2.4).
"""

from collections.abc import Callable, Collection

from lingpai.clients.model import Client
from lingpai.consents.storage import Given, SaveConsents
from lingpai.kernel.errors import unavailable
from lingpai.kernel.writes import Conflict
from lingpai.services import Services

# The oldest consents beyond so many are forgotten, so that an account stays small: its user is asked again.
CLIENTS_MAX = 100
_ATTEMPTS = 5


def missing_scopes(client: Client, scope: Collection[str], given: Given) -> tuple[str, ...]:
    """The scopes of a request, in order, that its user has not consented to yet; none for a first-party client."""
    known = given.get(client.id, ())
    return () if client.first_party else tuple(name for name in scope if name not in known)


def list_consents(services: Services, user_id: int) -> Given:
    """The account's consents. One call."""
    return services.store.get_consents(user_id)


def grant(services: Services, user_id: int, client: Client, scope: Collection[str]) -> None:
    """Remember that the user lets the client have this scope, beside what it had before. Two calls.

    LingpaiError 503 where the account is gone.
    """

    def added(given: Given) -> Given:
        merged = tuple(dict.fromkeys((*given.get(client.id, ()), *scope)))
        others = [(client_id, scopes) for client_id, scopes in given.items() if client_id != client.id]
        return dict([*others, (client.id, merged)][-CLIENTS_MAX:])

    _change(services, user_id, added)


def revoke(services: Services, user_id: int, client_id: str) -> None:
    """Forget what the user has consented to for the client: it is asked again. Two calls, one where there was nothing.

    The client's tokens are not ended by it.
    """
    _change(services, user_id, lambda given: {known: scopes for known, scopes in given.items() if known != client_id})


def _change(services: Services, user_id: int, change: Callable[[Given], Given]) -> None:
    for _ in range(_ATTEMPTS):
        before = services.store.get_consents(user_id)
        after = change(before)
        if list(after.items()) == list(before.items()):
            return
        try:
            services.store.commit(SaveConsents(user_id, before, after))
        except Conflict:
            continue
        return
    raise unavailable()
