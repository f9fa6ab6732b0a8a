"""Issuing tokens to a user who has authenticated."""

from lingpai.accounts import session_limit
from lingpai.authentication import one_factor
from lingpai.authentication.model import Authenticated
from lingpai.authentication.service import complete
from lingpai.oauth.model import TokenRequest
from lingpai.services import Services
from lingpai.sessions import service as sessions
from lingpai.sessions.model import TokenSet


def issue(services: Services, asked: TokenRequest, scope: tuple[str, ...], authenticated: Authenticated) -> TokenSet:
    """Open a session with this scope for the authenticated user, and return its tokens.

    They are good at the requested resources (RFC 8707), and bound to the key of the request's proof (RFC 9449).

    One transaction uses up the proof, writes the session and counts it in the account. LingpaiError
    `second_factor_required` if the account has a second factor that was not proven, or needs one (MFA, MFA_ROLES).
    """

    def open_session(who: Authenticated) -> TokenSet:
        one_factor.refuse_if_demanded(services, asked.client, who.user_id, who.methods)
        session = sessions.new_session(
            services,
            asked.client,
            scope,
            who.user_id,
            who.methods,
            who.auth_time,
            audience=asked.resource,
            jkt=asked.jkt,
        )
        session_limit.commit(services, session.put, one_factor.guarded(services, who.methods, who.writes, asked.client))
        return session.tokens

    return complete(services, authenticated, open_session)
