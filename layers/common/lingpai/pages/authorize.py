"""`/oauth/authorize` (RFC 6749 section 3.1, OpenID Connect Core section 3.1.2), and `/consent`.

A browser that has to log in or to consent first is sent to the page for it, and comes back to the same request.
"""

from urllib.parse import urlencode, urlsplit

from lingpai.accounts import agreements
from lingpai.authorization import codes, prompts, response
from lingpai.authorization.model import AuthorizationError, AuthorizationRequest, Login
from lingpai.authorization.request import read
from lingpai.browser_sessions import service as browser_sessions
from lingpai.browser_sessions.service import Browser
from lingpai.browser_sessions.storage import TouchBrowserSession
from lingpai.clients.model import Client
from lingpai.consents import service as consents
from lingpai.html import cookies
from lingpai.http.request import Request, form_text
from lingpai.http.response import Reply
from lingpai.kernel.errors import forbidden
from lingpai.kernel.writes import Conflict
from lingpai.pages import onward, view
from lingpai.pages.agreement import AGREEMENT
from lingpai.pages.login import SECOND_STEP
from lingpai.services import Services
from lingpai.sessions import factor_policy

# A parameter of the request that a protocol puts into the query (OpenID Connect Core section 3.1.2.1).
QUERY_CREDENTIALS = frozenset({"nonce"})


def authorize(services: Services, request: Request) -> Reply:
    """The code for the client, or the page that the user has to see first.

    Two calls for a browser that is logged in: its session, and the code. A request that is posted is sent on as a GET:
    a post from another site brings no cookie (`SameSite=Lax`).
    """
    sent = onward.pairs(form_text(request) if request.method == "POST" else request.query)
    onward.require_carriable(sent)
    if request.method == "POST":
        return onward.see_other(onward.authorization(sent))
    try:
        client, asked = read(services, sent)
        browser = cookies.browser(services, request)
        return _answer(services, client, asked, browser, sent)
    except AuthorizationError as error:
        return response.failure(services, error)


def _answer(
    services: Services, client: Client, asked: AuthorizationRequest, browser: Browser | None, sent: onward.Pairs
) -> Reply:
    now = services.clock.now()
    done = onward.done(browser.secret, sent, now) if browser else ()
    login = login_of(browser) if browser else None
    missing = consents.missing_scopes(client, asked.scope, browser.consents) if browser else ()
    lacks_factor = _lacks_factor(services, client, asked, browser)
    to_accept = agreements.missing(services.settings, browser.user) if browser else ()
    step = prompts.next_step(
        asked, login, missing, now, done=done, lacks_factor=lacks_factor, lacks_agreement=bool(to_accept)
    )
    match step:
        case None if browser is not None and login is not None:
            return _issue(services, client, asked, browser, login, sent)
        case "second_factor" if browser is not None and browser.user.second_factors:
            return onward.see_other(f"{SECOND_STEP}{onward.tail(_here(sent))}")
        case "agreement":
            return onward.see_other(f"{AGREEMENT}{onward.tail(_here(sent))}")
        case "consent":
            return onward.see_other(f"/consent{onward.tail(_here(sent))}")
        case _:
            return _log_in(sent)


def _lacks_factor(services: Services, client: Client, asked: AuthorizationRequest, browser: Browser | None) -> bool:
    """Whether the browser's login has one factor, and the client or the policy wants two.

    AuthorizationError if the client wants two where MFA is off.
    """
    settings = services.settings
    if settings.mfa == "off":
        if prompts.asks_for_two(asked, are_there=False):
            raise prompts.unmet(asked)
        return False
    if browser is None or not factor_policy.has_one(settings, browser.session.methods):
        return False
    has_second = bool(browser.user.second_factors)
    if prompts.asks_for_two(asked, are_there=has_second):
        return True
    if factor_policy.is_ignored(settings, client):
        return False
    return has_second or factor_policy.is_demanded(services, browser.user.id)


def _issue(
    services: Services,
    client: Client,
    asked: AuthorizationRequest,
    browser: Browser,
    login: Login,
    sent: onward.Pairs,
) -> Reply:
    try:
        code = codes.issue(services, client, asked, login, *browser_sessions.touch(services, browser.session))
    except Conflict as conflict:
        if not isinstance(conflict.write, TouchBrowserSession):
            raise
        # The session has ended since it was read.
        return _log_in(sent)
    return response.success(services, asked, code).about(client.id, "authorization_code")


def _log_in(sent: onward.Pairs) -> Reply:
    return onward.see_other(f"/login{onward.tail(_here(sent))}")


def _here(sent: onward.Pairs) -> str:
    """The address of the request, with the mark of what was done for it."""
    mark = [pair for pair in sent if pair[0] == onward.DONE]
    return onward.authorization(sent) + "".join(f"&{urlencode([pair])}" for pair in mark[:1])


def login_of(browser: Browser) -> Login:
    """The login that a code is issued for."""
    session = browser.session
    return Login(
        session.key.owner, session.methods, session.auth_time, session.key, session.created_at, sid=session.kept_sid
    )


def consent(services: Services, request: Request) -> Reply:
    """What a client asks for, and the user's answer: kept, or told to the client as `access_denied`."""
    page, given = view.opened(services, request, "action")
    browser = page.browser
    if page.asked is None or page.client is None:
        raise forbidden("form_expired")
    if browser is None:
        return onward.see_other(f"/login{page.tail}")
    if _lacks_factor(services, page.client, page.asked, browser):
        return onward.see_other(page.onward)
    match given.get("action"):
        case "allow":
            consents.grant(services, browser.user.id, page.client, page.asked.scope)
            sent, now = onward.request_of(page.onward), services.clock.now()
            steps = (*onward.done(browser.secret, sent, now), "consent")
            return onward.see_other(onward.mark_done(browser.secret, page.onward, steps, now))
        case "deny":
            return response.failure(services, prompts.denied(page.asked))
        case _:
            return page.page("consent.html", {"scopes": page.asked.scope, "host": _destination(page.asked)})


def _destination(asked: AuthorizationRequest) -> str:
    """Where the browser is sent back to: the host, or the scheme of an app."""
    parts = urlsplit(asked.redirect_uri)
    return parts.netloc or parts.scheme
