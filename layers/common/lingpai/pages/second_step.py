"""`/login/second-factor`: the second step of a login, and that of a browser that was logged in with one factor.

The first step leaves a pending login, which a cookie of this browser finds. A browser that is logged in with one factor
takes the second step where its account has a second factor by now, or where a client asks for it (RFC 9470 section 4).
An account that needs a second factor and has none sets one up here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from lingpai.accounts.model import User
from lingpai.authentication.model import Authenticated
from lingpai.browser_sessions import service as browser_sessions
from lingpai.browser_sessions.service import message_code
from lingpai.html import cookies
from lingpai.http.request import Request
from lingpai.http.response import Reply
from lingpai.kernel.errors import LingpaiError, invalid_grant, invalid_request
from lingpai.kernel.writes import Write
from lingpai.pages import login, onward, view
from lingpai.pages.second_factors import Place, again, confirmed, show_codes, show_secret
from lingpai.pages.view import View
from lingpai.passkeys import service as passkeys
from lingpai.pending_logins import service as pending_logins
from lingpai.pending_logins.model import PendingLogin
from lingpai.second_factors import service as second_factors
from lingpai.second_factors.model import ProvenFactor
from lingpai.services import Services
from lingpai.sessions import factor_policy

_FIELDS = ("action", "code", "answer", "login")
# The reasons for which a login has to begin anew, and what the login page shows then.
_OVER = {
    **dict.fromkeys(("account_closing", "account_disabled", "login_expired"), "note=login_expired"),
    "password_expired": f"way={login.RENEWAL}",
}
# What verifies the code or the answer of a form, by its action.
_VERIFIERS: Mapping[str, Callable[[Services, int, str], ProvenFactor]] = {
    "totp": second_factors.verify_totp,
    "recovery": second_factors.verify_recovery_code,
    "passkey": passkeys.verify_second_factor,
}


@dataclass(frozen=True)
class _Awaited:
    """The account whose second factor is awaited: after a pending login, or (None) in a browser that is logged in.

    `mark` binds the form to the pending login: the form of an earlier one, in another tab, does not answer a later one.
    """

    user: User
    pending: PendingLogin | None
    mark: str = field(default="", repr=False)


def second_step(services: Services, request: Request) -> Reply:
    """The page, or the login that its form completes."""
    page, given = view.opened(services, request, *_FIELDS)
    awaited = _awaited(page)
    if awaited is None:
        # Nothing is awaited: the login was completed, has expired, or was begun in another browser.
        going = (page.onward or onward.ACCOUNT) if page.browser else f"/login{page.tail}"
        return onward.see_other(going, cookies.forget_pending(request))
    if given.get("login", "") != awaited.mark:
        given = {}
    try:
        return _answer(page, awaited, given)
    except LingpaiError as error:
        if error.reason not in _OVER:
            raise
        return onward.see_other(f"{page.extendable('/login')}{_OVER[error.reason]}", cookies.forget_pending(request))


def _answer(page: View, awaited: _Awaited, given: Mapping[str, str]) -> Reply:
    action = given.get("action", "")
    if not awaited.user.second_factors and awaited.user.closes_at is not None:
        return onward.see_other(f"{login.DELETION}{page.tail}")
    if not awaited.user.second_factors:
        return _set_up(page, awaited, given)
    if action not in _VERIFIERS:
        return _form(page, awaited, view.parameter(page.request, "way"))
    # A passkey's answer is written by the script.
    name = "answer" if action == "passkey" else "code"
    try:
        if name == "code" and "code" not in given:
            raise invalid_request("missing_parameter", name="code")
        proven = _VERIFIERS[action](page.services, awaited.user.id, given.get(name, ""))
        return _complete(page, awaited, proven.methods, proven.writes)
    except LingpaiError as error:
        if error.reason in _OVER:
            raise
        if action == "passkey" and error.reason == "bad_second_factor":
            error = passkeys.not_issued()
        return _form(page, awaited, action, page.errors_of(error, "code"), error)


def awaited_user(page: View) -> User | None:
    """The account whose second factor this browser is asked for; None for none. One or two calls."""
    awaited = _awaited(page)
    return awaited.user if awaited else None


def _awaited(page: View) -> _Awaited | None:
    """What the second step is of; None where there is nothing to complete. Two calls after a pending login."""
    services, secret = page.services, cookies.pending_secret(page.request)
    pending = pending_logins.find(services, secret) if secret else None
    if secret and pending and pending.first:
        user = services.store.get_user(pending.first.user_id)
        return _Awaited(user, pending, message_code(secret, "second step")) if user and not user.disabled else None
    browser = page.browser
    if browser is None or not browser.user.second_factors:
        return None
    lacks_factor = factor_policy.has_one(services.settings, browser.session.methods)
    return _Awaited(browser.user, None) if lacks_factor else None


def _both(page: View, awaited: _Awaited, methods: tuple[str, ...], writes: tuple[Write, ...]) -> Authenticated:
    """The login with both factors; `methods` and `writes` are those of the second."""
    if awaited.pending is not None:
        return pending_logins.completed(page.services, awaited.pending, awaited.user, methods, writes)
    if page.browser is None:
        raise invalid_grant("login_expired")
    return browser_sessions.with_second_factor(page.browser, methods, writes)


def _complete(page: View, awaited: _Awaited, methods: tuple[str, ...], writes: tuple[Write, ...]) -> Reply:
    """Open a session of two factors, and go on."""
    both, browser = _both(page, awaited, methods, writes), page.browser
    if awaited.user.closes_at is not None and login.KEEPING.intersection(both.methods):
        return login.offer_to_keep(page, both)
    forgotten = cookies.forget_pending(page.request)
    if awaited.pending is not None or browser is None:
        cookie = login.open_session(page, both, browser.session if browser else None)
        return login.go_on(page, cookie, login.NEW_LOGIN, forgotten)
    # What was done for the request was marked by the secret of the session that is replaced.
    done = onward.done(browser.secret, onward.request_of(page.onward), page.services.clock.now())
    return login.go_on(page, login.open_session(page, both, None, browser.session), done, forgotten)


def _form(
    page: View,
    awaited: _Awaited,
    way: str,
    errors: Mapping[str, str] | None = None,
    error: LingpaiError | None = None,
) -> Reply:
    """The form of one way to prove the second factor. A code that was typed is not shown again."""
    kinds = awaited.user.second_factors
    values = {
        "way": way if way in ("totp", "recovery") else "totp" if "totp" in kinds else "recovery",
        "kinds": kinds,
        "here": page.extendable(login.SECOND_STEP),
        "login_mark": awaited.mark,
        "account": view.person(page.services, awaited.user),
        "other": f"/login{page.tail}",
    }
    domain = passkeys.domain(page.services) if passkeys.KIND in kinds else ""
    return page.page("second_step.html", values, errors, error, passkeys=domain)


def _set_up(page: View, awaited: _Awaited, given: Mapping[str, str]) -> Reply:
    """Set up the first second factor of the account, whose first factor was proven just now."""
    services, user, tail = page.services, awaited.user, page.tail
    place = Place(login.SECOND_STEP, {"continue": page.onward, "login": awaited.mark}, f"/login{tail}")
    match given.get("action"):
        case "totp-begin":
            return show_secret(page, user, second_factors.begin_totp(services, user.id), place)
        case "totp-confirm":
            try:
                codes = confirmed(page, user, given, None)
            except LingpaiError as error:
                return again(page, user, error, place)
            return _shown_and_logged_in(page, awaited, codes)
        case _:
            return page.page("second_step_set_up.html", {"place": place})


def _shown_and_logged_in(page: View, awaited: _Awaited, codes: tuple[str, ...]) -> Reply:
    """Log the browser in by the factor that it has set up, and show the recovery codes before it goes on."""
    previous = page.browser.session if page.browser else None
    cookie = login.open_session(page, _both(page, awaited, second_factors.METHODS, ()), previous)
    kept = (cookies.log_in(page.services, page.request, cookie), cookies.forget_pending(page.request))
    if not codes:
        return onward.see_other(login.destination(page, cookie), *kept)
    reply = show_codes(replace(page, browser=None), codes, "totp_set", login.destination(page, cookie))
    return replace(reply, cookies=(*reply.cookies, *kept))
