"""`/console/login`, `/console/callback` and `/console/logout`."""

from lingpai.clients.builtin import CONSOLE_CALLBACK
from lingpai.console import session
from lingpai.console.session import see_other
from lingpai.console.view import View, admins, query_of
from lingpai.html import cookies
from lingpai.http.request import Request
from lingpai.http.response import Reply
from lingpai.services import Services

LOGIN, CALLBACK, LOGOUT = "/console/login", CONSOLE_CALLBACK, "/console/logout"
QUERY_CREDENTIALS = frozenset({"code"})


def log_in(services: Services, request: Request) -> Reply:
    """Begin a login, which leads on to `then`; with `another=1` as another account."""
    query = query_of(request)
    another = query.get("another") == "1"
    return session.log_in(
        services, request, query.get("then", ""), services.settings.console_login_max, another=another
    )


def callback(services: Services, request: Request) -> Reply:
    """The browser comes back from the login."""
    return session.come_back(services, request, query_of(request))


@admins()
def log_out(view: View) -> Reply:
    """End the session of the console; the login of the browser stays, and `/oauth/logout` asks about that."""
    view.form(())
    session.end(view.services, cookies.value_of(view.request, session.COOKIE))
    return see_other("/oauth/logout", session.forget(view.request))
