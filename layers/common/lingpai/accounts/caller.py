"""The caller, authenticated by bearer token (RFC 6750), and their rights."""

from dataclasses import dataclass

from lingpai.accounts.model import RoleBook, User
from lingpai.accounts.storage import Directory
from lingpai.clients.model import Right
from lingpai.http.request import Request, authorization
from lingpai.kernel.errors import forbidden, insufficient_scope, insufficient_user_authentication, invalid_token
from lingpai.services import Services
from lingpai.sessions import factor_policy, login_methods
from lingpai.sessions.model import Session


@dataclass(frozen=True)
class Caller:
    """The caller: a user, or a client for itself.

    `roles` are the names of those that the session holds, `known` the users and roles that were read with the caller,
    `opens` the right of the token. A session `lacks_factor` if it has one factor and its account needs two.
    """

    session: Session
    user: User | None
    roles: frozenset[str]
    known: Directory
    opens: Right = "none"
    lacks_factor: bool = False

    @property
    def book(self) -> RoleBook:
        """The roles of the deployment."""
        return self.known.roles


def authenticate(services: Services, request: Request, *also: int) -> Caller:
    """The caller of a route that needs a right, read together with the users `also`.

    LingpaiError `invalid_token` if the account or client is missing, disabled or closed, `access_denied` if the route
    is for admins and the caller is not one, `insufficient_user_authentication` for an admin whose session lacks a
    factor.
    """
    admission = request.admission
    if admission is None:
        raise RuntimeError(f"{request.path} states no need")
    caller = caller_of(services, admission.session, *also, opens=admission.opens)
    if admission.needs == "admin" and not is_admin(services, caller):
        _refuse_one_factor(services, caller)
        raise forbidden()
    return caller


def caller_of(services: Services, session: Session, *also: int, opens: Right = "none") -> Caller:
    """The user or client of the session, read together with the users `also`.

    LingpaiError `invalid_token` if it is missing, disabled or closed.
    """
    user_id = session.key.user_id
    if user_id is None:
        known = services.store.directory(*also)
        client = services.clients.get_client(session.client_id)
        if client is None or client.disabled:
            raise invalid_token()
        return Caller(session, None, client.roles, known, opens)
    known = services.store.directory(user_id, *also)
    user = known.users.get(user_id)
    if user is None or not user.is_active:
        raise invalid_token()
    names = known.roles.names_of(user.roles)
    roles = factor_policy.roles_in(services.settings, session.methods, names)
    needs_factor = bool(user.second_factors) or factor_policy.demands(services.settings, names)
    lacks_factor = needs_factor and factor_policy.has_one(services.settings, session.methods)
    return Caller(session, user, roles, known, opens, lacks_factor=lacks_factor)


def token_of(request: Request) -> str | None:
    """The token in a Bearer header (RFC 6750 section 2.1, the scheme in any case); None without one."""
    scheme, token = authorization(request)
    return token or None if scheme == "bearer" else None


def is_admin(services: Services, caller: Caller) -> bool:
    """Whether the caller has the role that ADMIN_ROLE names, a token with the right `admin`, and all factors."""
    return caller.opens == "admin" and services.settings.admin_role in caller.roles and not caller.lacks_factor


def require_self_or_admin(services: Services, caller: Caller, user_id: int | None) -> None:
    """LingpaiError unless the caller is an admin or the user of this id.

    `insufficient_scope` if a token with more rights would do, else `access_denied`.
    """
    if (caller.user is not None and caller.user.id == user_id) or is_admin(services, caller):
        return
    _refuse_one_factor(services, caller)
    raise insufficient_scope("admin") if services.settings.admin_role in caller.roles else forbidden("self_or_admin")


def require_user(caller: Caller) -> User:
    """The user who calls; LingpaiError `access_denied` for a client's own token."""
    if caller.user is None:
        raise forbidden("no_user")
    return caller.user


def _refuse_one_factor(services: Services, caller: Caller) -> None:
    """LingpaiError `insufficient_user_authentication` if the caller would be an admin with the factor that it lacks."""
    if caller.user is None or caller.opens != "admin" or not caller.lacks_factor:
        return
    if services.settings.admin_role in caller.book.names_of(caller.user.roles):
        raise insufficient_user_authentication(login_methods.ACR_TWO)
