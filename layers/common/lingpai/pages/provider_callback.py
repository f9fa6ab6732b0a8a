"""`/login/callback/…`: the browser comes back from a provider. It is logged in, or the identity is linked."""

import re
from collections.abc import Mapping
from urllib.parse import quote, urlencode

from lingpai.authentication import factors, federated, recent_login
from lingpai.authentication.factors import Owner
from lingpai.browser_sessions.service import Browser
from lingpai.html import cookies
from lingpai.http.request import Request, form_text
from lingpai.http.response import Reply
from lingpai.identity_providers import service as identity_providers
from lingpai.identity_providers.model import Identity
from lingpai.kernel.errors import LingpaiError, forbidden, unavailable
from lingpai.pages import login, onward, providers, view
from lingpai.pages.client import CLIENT
from lingpai.pages.providers import CALLBACK, Started
from lingpai.pages.view import View
from lingpai.services import Services
from lingpai.sessions import session_id

# The parameters of a provider's answer, with their greatest lengths. All together fit into one `Location` header.
_LONGEST = {"code": 4096, "state": 128, "iss": 1024, "error": 128}
# The parameter that a protocol puts into the query (RFC 6749 section 4.1.2).
QUERY_CREDENTIALS = frozenset({"code"})
# Values of `error` that may be logged.
_ERROR = re.compile(r"[a-z_]{1,40}")
# The login was declined, by the user or by the provider (RFC 6749 section 4.1.2.1, OpenID Connect Core section
# 3.1.2.6; `user_cancelled_authorize` is Apple's).
_DECLINED = {
    "access_denied",
    "user_cancelled_authorize",
    "consent_required",
    "interaction_required",
    "login_required",
}


def callback(services: Services, request: Request) -> Reply:
    """Log the browser in as the provider's identity, or link the identity to the account; then redirect onward.

    A posted answer (`form_post`) is redirected to a GET, since a POST from another site carries no cookies.
    """
    if request.method == "POST":
        # The path arrives decoded, and no header may have what can stand in it.
        return onward.see_other(f"{quote(request.path)}?{urlencode(_given(form_text(request)))}")
    given = _given(request.query)
    started = providers.take(services, request, request.path.removeprefix(CALLBACK), given.get("state", ""))
    page = view.of(services, request, cookies.browser(services, request), started.onward)
    try:
        return _answer(page, started, given)
    except LingpaiError as error:
        return _refused(page, started, error)


def _given(text: str) -> Mapping[str, str]:
    """The parameters of the provider's answer; LingpaiError if one is repeated or too long."""
    return onward.once_each(onward.pairs(text), _LONGEST)


def _answer(page: View, started: Started, given: Mapping[str, str]) -> Reply:
    linking = _linking(page, started)
    if linking and not recent_login.may_change(page.services, linking.user, linking.session):
        return onward.see_other(f"/login{onward.tail(onward.ACCOUNT)}")
    provider = page.services.web_logins[started.provider]
    provider.check_issuer(given.get("iss"))
    # WeChat sends no `error`; it only leaves out `code`.
    if given.get("error") in _DECLINED or not given.keys() & {"code", "error"}:
        declined = "link_declined" if linking else "login_declined"
        return onward.see_other(f"{onward.ACCOUNT}?note={declined}" if linking else _login(page, declined))
    if "error" in given:
        told = given["error"] if _ERROR.fullmatch(given["error"]) else ""
        raise unavailable("provider_unavailable", detail=f"{started.provider}: came back with error {told}".rstrip())
    identity = _identify(page, started, given["code"])
    if linking is None:
        return login.finish(page, federated.authenticate(page.services, CLIENT, identity))
    factors.link_identity(page.services, linking.user.id, identity, Owner(linking.session.key))
    return onward.see_other(f"{onward.ACCOUNT}?note=linked")


def _linking(page: View, started: Started) -> Browser | None:
    """The browser whose account the identity is linked to; None for a login.

    LingpaiError `form_expired` if the session that asked for it has ended or been replaced.
    """
    if not started.session:
        return None
    if page.browser is None or session_id.of(page.browser.session.key) != started.session:
        raise forbidden("form_expired")
    return page.browser


def _identify(page: View, started: Started, code: str) -> Identity:
    services = page.services
    identity_providers.count_call(services, CLIENT, page.request.source_ip)
    return services.web_logins[started.provider].redeem(CLIENT, started.app, code, started.flow)


def _login(page: View, note: str) -> str:
    return f"{page.extendable('/login')}note={note}"


def _refused(page: View, started: Started, error: LingpaiError) -> Reply:
    """The page that shows the error, with a link back to the page where the login or linking began."""
    label = providers.label_of(page.services, started.provider, page.texts)
    failed, back = ("link_failed", onward.ACCOUNT) if started.session else ("login_failed", f"/login{page.tail}")
    values = {
        "title": page.texts(failed, provider=label),
        "texts": [page.texts.refusal(error)],
        "link": back,
        "link_text": page.texts("back"),
        "switch": f"{back}{'&' if '?' in back else '?'}",
    }
    return page.page("message.html", values, error=error)
