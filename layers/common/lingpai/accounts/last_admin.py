"""The last admin keeps the role: no admin can leave a deployment without one.

A change that may take the role from an account is one transaction with the check that another account has it, so that
two admins who remove each other, or themselves, at the same moment do not both succeed. Clients that act with the
admin role of their record are not accounts: for their changes no other admin is needed.
"""

from itertools import islice

from lingpai.accounts import service as accounts
from lingpai.accounts.model import RoleBook
from lingpai.accounts.storage import CheckRole
from lingpai.kernel.errors import conflict
from lingpai.kernel.writes import Write
from lingpai.services import Services

# Accounts that are looked through for another admin: few calls, whatever the size of the deployment.
_MOST = 5000


def keep_one(services: Services, book: RoleBook, actor_id: int | None, user_id: int) -> tuple[Write, ...]:
    """The check that an admin remains when the admin `actor_id` takes the role from `user_id`, or deletes it.

    `actor_id` is None for a client's own token. An admin who changes another account is the one that remains. For a
    change of their own account another admin is looked for: LingpaiError `conflict` where none is found.
    """
    role_id = book.id_of(services.settings.admin_role)
    if actor_id is None or role_id is None:
        return ()
    remaining = actor_id if actor_id != user_id else find_another(services, role_id, user_id)
    if remaining is None:
        raise conflict("last_admin")
    return (CheckRole(remaining, role_id),)


def find_another(services: Services, role_id: int, user_id: int) -> int | None:
    """An active account but `user_id` that has the role; None where none is found among 5000."""
    looked_through = islice(accounts.users_after(services.store.list_users, None), _MOST)
    others = (user.id for user in looked_through if user.id != user_id and role_id in user.roles and user.is_active)
    return next(others, None)
