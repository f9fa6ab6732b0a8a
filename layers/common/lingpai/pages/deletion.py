"""`/login/deletion`: who has logged in to an account that is to be deleted may open it again (`accounts.closing`).

The proof waits as a pending login, which a cookie of this browser finds. An account with a second factor wants that,
too, before anything is offered.
"""

from lingpai.accounts import closing
from lingpai.accounts.model import User
from lingpai.browser_sessions.service import message_code
from lingpai.html import cookies
from lingpai.http.request import Request
from lingpai.http.response import Reply
from lingpai.kernel.errors import LingpaiError
from lingpai.pages import login, onward, view
from lingpai.pages.view import View
from lingpai.pending_logins import service as pending_logins
from lingpai.pending_logins.model import FirstFactor, PendingLogin
from lingpai.services import Services
from lingpai.sessions import factor_policy


def deletion(services: Services, request: Request) -> Reply:
    """The page, or the login that opens the account again."""
    page, given = view.opened(services, request, "action", "login")
    secret = cookies.pending_secret(request)
    pending = pending_logins.find(services, secret) if secret else None
    first = pending.first if pending else None
    user = services.store.get_user(first.user_id) if first else None
    if secret is None or pending is None or first is None or user is None or not _may_keep(first, user):
        return onward.see_other(f"/login{page.tail}", cookies.forget_pending(request))
    if user.second_factors and factor_policy.has_one(services.settings, first.methods):
        return onward.see_other(f"{login.SECOND_STEP}{page.tail}")
    mark = message_code(secret, "deletion")
    if given.get("action") == "keep" and given.get("login") == mark:
        return _keep(page, pending, user)
    values = {
        "account": view.person(services, user),
        "day": closing.day_of(services, user.closes_at or 0),
        "login_mark": mark,
        "other": f"/login{page.tail}",
    }
    return page.page("deletion.html", values)


def _may_keep(first: FirstFactor, user: User) -> bool:
    """Whether the account is closed, and the proof is one that may open it again."""
    return user.closes_at is not None and not user.disabled and bool(login.KEEPING.intersection(first.methods))


def _keep(page: View, pending: PendingLogin, user: User) -> Reply:
    """Open the account again, and log the browser in, in one transaction; a password that is too old opens it alone."""
    shown = "note=login_expired"
    try:
        authenticated = pending_logins.of_closed(page.services, pending, user)
        if authenticated is not None:
            return login.finish(page, authenticated)
    except LingpaiError as error:
        if error.reason not in ("login_expired", "password_expired"):
            raise
        if error.reason == "password_expired":
            shown = f"way={login.RENEWAL}"
    return onward.see_other(f"{page.extendable('/login')}{shown}", cookies.forget_pending(page.request))
