"""Consents: asked of users for clients of others, remembered for account and client, revoked at any time.

A client of the deployment's owner (`first_party`) needs none (OpenID Connect Core section 3.1.2.4).
"""

from collections.abc import Callable, Collection

from lingpai.accounts.ended_accounts import DELETED_AT_ONCE
from lingpai.clients.model import Client
from lingpai.consents.storage import Given, SaveConsents
from lingpai.kernel.errors import unavailable
from lingpai.kernel.writes import Conflict, Write
from lingpai.services import Services
from lingpai.sessions.model import Session, SessionKey
from lingpai.sessions.storage import EndSession

# The oldest consents beyond so many are forgotten, so that an account stays small: its user is asked again.
CLIENTS_MAX = 100
_ATTEMPTS = 5
# What a transaction holds, less the consents.
_SESSIONS_AT_ONCE = 99


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
    """Forget what the user has consented to for the client, which is asked again, and end its sessions of the account.

    Four calls, the third a transaction; more if the client has over _SESSIONS_AT_ONCE sessions. Can be repeated. Codes
    of the client that are not redeemed yet are refused from then on (`authorization.codes.redeem`).
    """
    keys = _sessions_of(services, user_id, client_id)
    if len(keys) > _SESSIONS_AT_ONCE:
        services.store.end_sessions(keys[_SESSIONS_AT_ONCE:])

    def without(given: Given) -> Given:
        return {known: scopes for known, scopes in given.items() if known != client_id}

    _change(services, user_id, without, *(EndSession(key) for key in keys[:_SESSIONS_AT_ONCE]))
    # What a code has opened between the list and the transaction.
    services.store.end_sessions(_sessions_of(services, user_id, client_id))


def _sessions_of(services: Services, user_id: int, client_id: str) -> tuple[SessionKey, ...]:
    """The sessions of the account that the client has, DELETED_AT_ONCE of all sessions at most."""
    found = services.store.list_sessions(user_id, DELETED_AT_ONCE)
    return tuple(each.key for each in found if isinstance(each, Session) and each.client_id == client_id)


def _change(services: Services, user_id: int, change: Callable[[Given], Given], *writes: Write) -> None:
    """Save the changed consents together with the `writes`."""
    for _ in range(_ATTEMPTS):
        before = services.store.get_consents(user_id)
        after = change(before)
        save = () if list(after.items()) == list(before.items()) else (SaveConsents(user_id, before, after),)
        if not save and not writes:
            return
        try:
            services.store.commit(*save, *writes)
        except Conflict:
            continue
        return
    raise unavailable()
