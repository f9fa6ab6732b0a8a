"""The claims about a user in signed tokens and introspection beside `sub`, as the client's record has them (`claims`).

`roles` are names (RFC 9068 section 2.2.3.1), `username` is the account's own (RFC 7662 section 2.2), never its number.
A token with a lifetime over an hour has no such claims: they could be out of date.
"""

from collections.abc import Mapping
from typing import Any

from lingpai.clients.model import Client
from lingpai.clients.service import CLAIMS_TTL_MAX
from lingpai.services import Services
from lingpai.sessions import factor_policy
from lingpai.sessions.model import Session


def user_claims(services: Services, client: Client, user_id: int | None) -> dict[str, Any]:
    """The claims that the client's record lists: the user's or, without a user, the client's own.

    One call for a user; none if the record lists no claims. An account that is just being created has no roles. A token
    of a user has those that `of_session` leaves.
    """
    if not client.claims or client.access_ttl > CLAIMS_TTL_MAX:
        return {}
    if user_id is None:
        known: dict[str, Any] = {"roles": sorted(client.roles)}
    else:
        directory = services.store.directory(user_id)
        user = directory.users.get(user_id)
        known = {"roles": sorted(directory.roles.names_of(user.roles)) if user else []}
        if user is not None and user.username is not None:
            known["username"] = user.username
    return {name: value for name, value in known.items() if name in client.claims}


def of_session(services: Services, session: Session, claims: Mapping[str, Any]) -> Mapping[str, Any]:
    """The claims for a token of this session: roles that it does not hold are left out (`factor_policy`)."""
    if session.key.user_id is None or "roles" not in claims:
        return claims
    held = factor_policy.roles_in(services.settings, session.methods, claims["roles"])
    return {**claims, "roles": sorted(held)}
