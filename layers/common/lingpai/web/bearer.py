"""Who calls, by bearer token (RFC 6750), and what they may do."""

from lingpai import access
from lingpai.errors import forbidden, invalid_token, unauthorized
from lingpai.frozen import frozen
from lingpai.model import RoleBook, Session, User
from lingpai.ports import Directory, Services
from lingpai.web.request import Request


@frozen
class Caller:
    """Who presented the token: a user, or a client for itself. `roles` are names, `known` what was read with it."""

    session: Session
    user: User | None
    roles: frozenset[str]
    known: Directory

    @property
    def book(self) -> RoleBook:
        """The roles of the deployment."""
        return self.known.roles


def authenticate(services: Services, request: Request, *also: int) -> Caller:
    """The caller, read together with the users `also`; LingpaiError `unauthorized` or `invalid_token`."""
    return caller_of(services, session_of(services, request), *also)


def caller_of(services: Services, session: Session, *also: int) -> Caller:
    """Who opened the session, read together with the users `also`; LingpaiError `invalid_token` for nobody."""
    user_id = session.key.user_id
    if user_id is None:
        known = services.store.directory(*also)
        client = services.clients.get_client(session.client_id)
        if client is None or client.disabled:
            raise invalid_token()
        return Caller(session, None, client.roles, known)
    known = services.store.directory(user_id, *also)
    user = known.users.get(user_id)
    if user is None or user.disabled:
        raise invalid_token()
    return Caller(session, user, known.roles.names_of(user.roles), known)


def session_of(services: Services, request: Request) -> Session:
    """The session of the request's bearer token; LingpaiError `unauthorized` without one, or `invalid_token`."""
    token = token_of(request)
    if token is None:
        raise unauthorized()
    return access.check(services, token)


def token_of(request: Request) -> str | None:
    """The token in a Bearer header (RFC 6750 section 2.1, the scheme in any case); None without one."""
    scheme, _, token = request.headers.get("authorization", "").strip().partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def is_admin(services: Services, caller: Caller) -> bool:
    """Whether the caller has the role that ADMIN_ROLE names."""
    return services.settings.admin_role in caller.roles


def require_admin(services: Services, caller: Caller) -> None:
    """LingpaiError `access_denied` for anyone else."""
    if not is_admin(services, caller):
        raise forbidden()


def require_self_or_admin(services: Services, caller: Caller, user_id: int | None) -> None:
    """LingpaiError `access_denied` for anyone but an admin and the user of this id."""
    if not is_admin(services, caller) and (caller.user is None or caller.user.id != user_id):
        raise forbidden("self_or_admin")


def require_user(caller: Caller) -> User:
    """The user who calls; LingpaiError `access_denied` for a client's own token."""
    if caller.user is None:
        raise forbidden("no_user")
    return caller.user


def require_own_token(request: Request) -> None:
    """LingpaiError `access_denied` for who was lent a session: they must not make a way in that stays."""
    if access.is_temporary(token_of(request) or ""):
        raise forbidden("temporary_token")
