"""`/oauth/logout`: OpenID Connect RP-Initiated Logout 1.0.

With an ID token of this very login the browser is logged out at once. Otherwise the user is asked, since a link of
anybody may lead here. Back to a client only by an address of its record, and only with its ID token (section 3).
"""

from collections.abc import Mapping

from lingpai.browser_sessions.service import Browser
from lingpai.clients import redirect_uris
from lingpai.clients.builtin import CONSOLE
from lingpai.html import cookies, forms
from lingpai.http.request import Request, form_text
from lingpai.http.response import Reply, with_query
from lingpai.kernel.errors import LingpaiError
from lingpai.pages import onward, view
from lingpai.pages.view import View
from lingpai.services import Services
from lingpai.sessions import id_tokens
from lingpai.sessions import service as sessions
from lingpai.sessions.id_tokens import Hint
from lingpai.sessions.token_family import digest

_PARAMETERS = ("id_token_hint", "client_id", "post_logout_redirect_uri", "state")
# Longer ones are of no client that works.
_LONGEST = 8192


def log_out(services: Services, request: Request) -> Reply:
    """Log the browser out, or ask its user; then go back to the client, or say that it is done."""
    browser = cookies.browser(services, request)
    given = _given(request)
    hint = _hint(services, given)
    page = view.of(services, request, browser)
    if given.get("action") == "confirm":
        forms.read(services, request, browser, ("action", *_PARAMETERS))
        return _done(page, given, hint)
    if browser is None and request.method == "GET":
        return _done(page, given, hint)
    if browser is not None and hint is not None and _is_of(hint, browser):
        return _done(page, given, hint)
    kept = {name: given[name] for name in _PARAMETERS if name in given}
    return page.page("logout.html", {"fields": {"action": "confirm", **kept}})


def _given(request: Request) -> Mapping[str, str]:
    """The parameters, from the query or from a form; LingpaiError for one that is repeated."""
    sent = onward.pairs(form_text(request) if request.method == "POST" else request.query)
    return onward.once_each(sent, dict.fromkeys((*_PARAMETERS, "action"), _LONGEST))


def _hint(services: Services, given: Mapping[str, str]) -> Hint | None:
    """What the ID token says, an expired one too; None without one, and for one that is none of ours."""
    if "id_token_hint" not in given:
        return None
    try:
        return id_tokens.read_hint(services, given["id_token_hint"])
    except LingpaiError as error:
        if error.status >= 500:
            raise
        return None


def _is_of(hint: Hint, browser: Browser) -> bool:
    """Whether the ID token was issued for this login."""
    return hint.user_id == browser.user.id and hint.sid == browser.session.sid


def _done(page: View, given: Mapping[str, str], hint: Hint | None) -> Reply:
    services, request = page.services, page.request
    if page.browser is not None:
        sessions.end(services.store, page.browser.session.key)
    forgotten = (cookies.log_out(request), *_leave_console(services, request))
    if back := _back(services, given, hint):
        return onward.see_other(back, *forgotten)
    texts = page.texts
    values = {
        "title": texts("logged_out"),
        "texts": [texts("logged_out_text")],
        "link": "/login",
        "link_text": texts("login"),
        "person": "",
    }
    reply = View(services, request, None, page.language).page("message.html", values)
    return Reply(reply.status, reply.body, reply.headers, (*reply.cookies, *forgotten))


def _leave_console(services: Services, request: Request) -> tuple[str, ...]:
    """End the session of the console, which is on this host; the header that deletes its cookie. No call without one.

    Who uses the browser next would be an admin.
    """
    presented = sessions.parse(cookies.value_of(request, cookies.CONSOLE))
    if presented is None:
        return ()
    services.store.delete_matching(presented.key, digest(presented.secret), CONSOLE)
    return (cookies.keep(request, cookies.CONSOLE, "", 0),)


def _back(services: Services, given: Mapping[str, str], hint: Hint | None) -> str:
    """The client's address to go back to; empty where there is none that may be believed."""
    wanted = given.get("post_logout_redirect_uri", "")
    if not wanted or hint is None or given.get("client_id", hint.client_id) != hint.client_id:
        return ""
    client = services.clients.get_client(hint.client_id)
    if client is None or client.disabled or not redirect_uris.matches(client.post_logout_redirect_uris, wanted):
        return ""
    return with_query(wanted, {"state": given["state"]}) if "state" in given else wanted
