"""Issuing tokens to a user who has authenticated."""

from lingpai.accounts import session_limit
from lingpai.authentication.model import Authenticated
from lingpai.authentication.service import complete
from lingpai.clients.model import Client
from lingpai.services import Services
from lingpai.sessions import service as sessions
from lingpai.sessions.model import TokenSet


def issue(
    services: Services,
    client: Client,
    scope: tuple[str, ...],
    authenticated: Authenticated,
    audience: tuple[str, ...] = (),
) -> TokenSet:
    """Open a session for the authenticated user and return its tokens, good at the resources in `audience` (RFC 8707).

    One transaction uses up the proof, writes the session and counts it in the account.
    """

    def open_session(who: Authenticated) -> TokenSet:
        session = sessions.new_session(
            services, client, scope, who.user_id, who.methods, who.auth_time, audience=audience
        )
        session_limit.commit(services, session.put, who.writes)
        return session.tokens

    return complete(authenticated, open_session)
