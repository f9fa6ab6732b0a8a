"""Who needs a second factor, and what a session of one factor may not do: MFA, MFA_ROLES, and a client's `mfa`.

A session has one factor unless `mfa` is among its methods. It holds none of the roles of MFA_ROLES, and never the right
`admin` if its account has a second factor or one of these roles.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING

from lingpai.clients.model import Client
from lingpai.services import Services
from lingpai.sessions import login_methods

if TYPE_CHECKING:
    from lingpai.authentication.settings import AuthenticationSettings


def has_one(settings: "AuthenticationSettings", methods: tuple[str, ...]) -> bool:
    """Whether a login by these methods has one factor, in a deployment where that makes a difference."""
    return settings.mfa != "off" and login_methods.TWO_FACTORS not in methods


def is_ignored(settings: "AuthenticationSettings", client: Client | None) -> bool:
    """Whether logins through this client (None: the pages) need no second factor, whatever the account has."""
    return settings.mfa == "off" or (client is not None and client.mfa == "ignore")


def is_demanded(services: Services, user_id: int) -> bool:
    """Whether the account needs a second factor even where it has none. One call, only where MFA_ROLES is set."""
    settings = services.settings
    if settings.mfa == "required":
        return True
    if settings.mfa == "off" or not settings.mfa_roles:
        return False
    directory = services.store.directory(user_id)
    user = directory.users.get(user_id)
    return user is not None and demands(settings, directory.roles.names_of(user.roles))


def demands(settings: "AuthenticationSettings", roles: Collection[str]) -> bool:
    """Whether an account with these roles needs a second factor even where it has none."""
    return settings.mfa == "required" or (settings.mfa != "off" and not set(settings.mfa_roles).isdisjoint(roles))


def roles_in(settings: "AuthenticationSettings", methods: tuple[str, ...], roles: Collection[str]) -> frozenset[str]:
    """Those of the user's roles that a session by these methods holds."""
    withheld = settings.mfa_roles if has_one(settings, methods) else ()
    return frozenset(roles).difference(withheld)
