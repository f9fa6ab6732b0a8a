"""Logins with one factor, which an account that has a second factor refuses.

The writes of a login check the account in the transaction that opens the session. So an account that gets its second
factor meanwhile is never logged in to with one, and no login needs a further call.
"""

from dataclasses import replace

from lingpai.accounts.storage import ChangeUser, CheckUser
from lingpai.clients.model import Client
from lingpai.kernel.errors import LingpaiError, second_factor_required
from lingpai.kernel.writes import Conflict, Write
from lingpai.services import Services
from lingpai.sessions import factor_policy


def guarded(
    services: Services, methods: tuple[str, ...], writes: tuple[Write, ...], client: Client | None = None
) -> tuple[Write, ...]:
    """The writes of a login by these methods, through the client. With one factor, they fail if the account has two.

    A Conflict of such a write goes to `raise_if_refused`. Nothing changes where MFA is off, and for a client whose
    record ignores it.
    """
    if not factor_policy.has_one(services.settings, methods) or factor_policy.is_ignored(services.settings, client):
        return writes
    return tuple(
        replace(write, one_factor=True) if isinstance(write, CheckUser | ChangeUser) else write for write in writes
    )


def refuse_if_demanded(services: Services, client: Client, user_id: int, methods: tuple[str, ...]) -> None:
    """LingpaiError `second_factor_required` if the account needs a second factor even where it has none.

    A login that proved one factor cannot be completed then. One call, only where MFA_ROLES is set.
    """
    if not factor_policy.has_one(services.settings, methods) or factor_policy.is_ignored(services.settings, client):
        return
    if factor_policy.is_demanded(services, user_id):
        raise _required(services)


def raise_if_refused(services: Services, conflict: Conflict) -> None:
    """LingpaiError `second_factor_required` if a write of `guarded` failed because the account has a second factor.

    Not if the account is disabled or closed, or its password has changed: then the first factor is no longer good.
    """
    write, user = conflict.write, conflict.user
    match write:
        case CheckUser(one_factor=True):
            password = write.password
        case ChangeUser(one_factor=True):
            password = write.before.password
        case _:
            return
    if user is None or not user.is_active or not user.second_factors or password not in (None, user.password):
        return
    raise _required(services) from None


def _required(services: Services) -> LingpaiError:
    return second_factor_required(f"{services.issuer}/login")
