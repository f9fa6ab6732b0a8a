"""Which clients are told that a user has logged out (OpenID Connect Back-Channel Logout 1.0 section 2.3).

A client is told of a session that it has, under the `sid` of its ID tokens: where that ends alone, where the login of
the browser that it was opened in ends, and where all sessions of the account do. Nobody is told where a client's own
tokens end all at once, or those of the whole deployment: that is the operator's act, and no user's.
"""

from collections.abc import Iterable, Iterator

from lingpai.browser_sessions.model import BrowserSession
from lingpai.events.model import Event
from lingpai.kernel.clock import LEEWAY
from lingpai.services import Services
from lingpai.sessions import session_id
from lingpai.sessions.model import Session
from lingpai.webhooks.messages import LogoutMessage

# Each ends all sessions of the account; some of them may be left in the table for a while.
_ENDS_ALL = {"sessions.ended", "user.disabled", "user.deleted"}
_ENDS_ONE = {"session.ended", "session.reuse_found"}
# More sessions than an account may have.
_SESSIONS_MOST = 2000
_USER = "user:"


def of(services: Services, event: Event) -> Iterator[LogoutMessage]:
    """The logouts that the event means, each for one client and `sid`. One call for an event that is about sessions."""
    if not event.subject.startswith(_USER):
        return
    user_id = int(event.subject.removeprefix(_USER))
    ended = _ended(services, event, user_id)
    for client_id, sid in dict.fromkeys(ended):
        if tells(services, client_id):
            yield LogoutMessage(event.id, client_id, user_id, sid)


def tells(services: Services, client_id: str) -> bool:
    """Whether the client wants to be told of logouts."""
    client = services.clients.get_client(client_id)
    return client is not None and not client.disabled and client.backchannel_logout_uri is not None


def _ended(services: Services, event: Event, user_id: int) -> Iterable[tuple[str, str]]:
    """Client and `sid` of each session that has ended by the event."""
    if event.type in _ENDS_ALL:
        # Not of those that were opened later: an event may be told days after, and the user has logged in again.
        return _of_clients(each for each in _left(services, user_id) if each.created_at <= event.at + LEEWAY)
    # A session that was opened in no browser is called by its own id.
    sid, client_id = event.data.get("sid") or event.data.get("session"), event.data.get("client")
    if event.type not in _ENDS_ONE or not sid or (client_id and not tells(services, client_id)):
        return ()
    left = _left(services, user_id)
    if client_id:
        # The session of another login in the same browser goes on, and its `sid` is the same.
        return () if (client_id, sid) in _of_clients(left) else ((client_id, sid),)
    # A browser gets a new session, which keeps the `sid`, when its user proves a second factor, or logs in again.
    if any(isinstance(session, BrowserSession) and session.sid == sid for session in left):
        return ()
    return [each for each in _of_clients(left) if each[1] == sid]


def _left(services: Services, user_id: int) -> tuple[Session | BrowserSession, ...]:
    """The sessions that the table has of the user."""
    return services.store.list_sessions(user_id, _SESSIONS_MOST)


def _of_clients(sessions: Iterable[Session | BrowserSession]) -> list[tuple[str, str]]:
    """Client and `sid` of each session that is a client's."""
    return [(session.client_id, sid_of(session)) for session in sessions if isinstance(session, Session)]


def sid_of(session: Session) -> str:
    """The `sid` in the ID tokens of the session."""
    return session.sid or session_id.of(session.key)
