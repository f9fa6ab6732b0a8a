"""What follows a proven factor: the authorization code, the second factor, or a browser."""

from dataclasses import replace
from typing import get_args

from lingpai.accounts import session_limit
from lingpai.authentication import one_factor
from lingpai.authentication.model import Authenticated
from lingpai.authentication.service import complete
from lingpai.authorization import codes, prompts, pushed_requests
from lingpai.authorization.model import Login, ResponseMode
from lingpai.authorization.storage import UsePushedRequest
from lingpai.authorization_challenge.model import Attempt, Insufficient, Issued, Outcome, RedirectToWeb
from lingpai.browser_sessions import service as browser_sessions
from lingpai.browser_sessions.storage import PutBrowserSession
from lingpai.kernel.errors import LingpaiError, invalid_grant, invalid_request_uri, invalid_session
from lingpai.kernel.writes import Conflict, Write
from lingpai.pending_logins import service as pending_logins
from lingpai.pending_logins.model import PendingLogin
from lingpai.pending_logins.storage import UsePendingLogin
from lingpai.services import Services

# The second factors that an account says it has: so are the parameters called that prove them.
_SECOND_FACTORS = ("totp", "passkey")


def finish(services: Services, attempt: Attempt, authenticated: Authenticated) -> Outcome:
    """Issue the code for a proven first factor. An account that has a second factor, or needs one, is asked for it.

    After a 503 the `auth_session` is good again, as is the proof: both may have been used up.
    """
    if attempt.login is not None:
        authenticated = _resumable(services, attempt.login, authenticated)
    if prompts.needs_two(services, attempt.asked, authenticated, attempt.client):
        return _ask_for_second(services, attempt, authenticated)
    try:
        return issue(services, attempt, authenticated)
    except LingpaiError as error:
        if error.reason != "second_factor_required":
            raise
    return _ask_for_second(services, attempt, authenticated)


def issue(services: Services, attempt: Attempt, authenticated: Authenticated) -> Issued:
    """Issue the code. One transaction uses up the proof and the pending login.

    What ends the account's sessions ends the code as well: a session is kept for as long as the code is good.
    LingpaiError `second_factor_required` if the account has a second factor that was not proven, `invalid_session` if
    the pending login was used meanwhile.
    """
    client, now = attempt.client, services.clock.now()
    # The proof of a second factor uses up the pending login of the first.
    is_second = attempt.login is not None and attempt.login.first is not None
    used: tuple[Write, ...] = ()
    if attempt.login is not None and not is_second:
        used = (UsePendingLogin(attempt.login.digest, now),)

    def commit(who: Authenticated) -> Issued:
        if attempt.asked.subject not in (None, who.user_id):
            raise invalid_grant("another_account")
        session = browser_sessions.for_code(services, who, attempt.device, codes.LIFETIME)
        login = Login(who.user_id, who.methods, who.auth_time, session.key, session.created_at, once=True)
        code, issued = codes.prepared(services, client, attempt.asked, login)
        guarded = one_factor.guarded(services, who.methods, who.writes, client)
        try:
            session_limit.commit(services, PutBrowserSession(session, session.ends_at), (*used, *guarded, *issued))
        except Conflict as conflict:
            if conflict.write in used:
                raise invalid_session() from None
            if isinstance(conflict.write, UsePushedRequest):
                raise invalid_request_uri() from None
            raise
        return Issued(code)

    return complete(services, authenticated, commit)


def second_factors_of(kinds: frozenset[str]) -> tuple[str, ...]:
    """The parameters that prove a second factor of an account that has these kinds (`User.second_factors`)."""
    # Whether there are recovery codes left would take another read; the pages offer them always, too.
    return (*(name for name in _SECOND_FACTORS if name in kinds), "recovery_code")


def _resumable(services: Services, login: PendingLogin, authenticated: Authenticated) -> Authenticated:
    """The authentication, which puts the pending login back after a 503. It proves nothing yet."""

    def after_unavailable() -> None:
        pending_logins.put_back(services, login)
        authenticated.after_unavailable()

    return replace(authenticated, after_unavailable=after_unavailable)


def _ask_for_second(services: Services, attempt: Attempt, authenticated: Authenticated) -> Outcome:
    """Use up the first factor, and ask for the second. One is set up in a browser alone."""
    user = services.store.get_user(authenticated.user_id)
    if user is None or not user.second_factors:
        return redirect(services, attempt, "no_second_factor")
    secret = pending_logins.begin(services, authenticated, attempt.app, attempt.login)
    return Insufficient(second_factors_of(user.second_factors), secret)


def redirect(services: Services, attempt: Attempt, reason: str) -> RedirectToWeb:
    """Send the request ahead for the browser, if it says where that shall come back to."""
    if not attempt.asked.redirect_uri:
        return RedirectToWeb(None, reason)
    # A response mode that has no meaning here has none there, either, unless the endpoint knows it.
    sent = (pair for pair in attempt.app.parameters if pair[0] != "response_mode" or pair[1] in get_args(ResponseMode))
    return RedirectToWeb(pushed_requests.push(services, attempt.client, sent), reason)
