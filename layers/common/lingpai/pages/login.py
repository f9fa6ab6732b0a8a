"""`/login`: by a code sent to a number, by a password, by a passkey, or at a provider."""

from typing import TYPE_CHECKING

from lingpai.authentication import password, password_age, sms_code
from lingpai.authentication.model import Authenticated
from lingpai.authorization import prompts
from lingpai.browser_sessions import devices
from lingpai.browser_sessions import service as browser_sessions
from lingpai.browser_sessions.model import BrowserSession
from lingpai.browser_sessions.service import Browser
from lingpai.html import cookies
from lingpai.http.request import Request
from lingpai.http.response import Reply
from lingpai.kernel import cause, phone_numbers
from lingpai.kernel.errors import LingpaiError
from lingpai.pages import codes, onward, providers, view
from lingpai.pages.client import CLIENT
from lingpai.pages.view import View
from lingpai.passkeys import service as passkeys
from lingpai.pending_logins import service as pending_logins
from lingpai.services import Services
from lingpai.sessions import login_methods
from lingpai.sessions import service as sessions

if TYPE_CHECKING:
    from collections.abc import Collection

    from lingpai.authorization.prompts import Step

SECOND_STEP = "/login/second-factor"
DELETION = "/login/deletion"
# What keeps an account that is to be deleted: not its number alone, which may have a new holder by then.
KEEPING = {login_methods.PASSWORD, login_methods.POSSESSION}
# What a login has done of the wishes of an authorization request.
NEW_LOGIN: "tuple[Step, ...]" = ("login", "select_account")
_FIELDS = (
    "action",
    "mobile",
    "captcha",
    "code",
    "username",
    "password",
    "oldPassword",
    "newPassword",
    "answer",
    "provider",
)
# The form that takes a new password in place of one that is too old.
RENEWAL = "renew"
_NOTES = {"reset": "reset_done", "login_declined": "login_declined", "login_expired": "login_expired"}


def login(services: Services, request: Request) -> Reply:
    """The page, or what one of its forms asks for."""
    page, given = view.opened(services, request, *_FIELDS)
    return _send(page, given) if request.method == "POST" else _show(page)


def _show(page: View) -> Reply:
    request = page.request
    way = view.parameter(request, "way")
    if page.browser is not None and not page.onward:
        return onward.see_other(onward.ACCOUNT)
    note = _NOTES.get(view.parameter(request, "note"), "")
    if page.onward.startswith(f"{onward.ACCOUNT}?"):
        note = "login_again"
    if page.browser is not None and page.asked is not None:
        if page.asked.subject not in (None, page.browser.user.id):
            note = "another_account"
        elif "select_account" in page.asked.prompt and not way and not _has_chosen(page, page.browser):
            return page.page("choose.html", {"here": page.extendable("/login")})
    return _form(page, way, note=note)


def _has_chosen(page: View, browser: Browser) -> bool:
    """Whether the user has chosen this account for the request, so that only the login is missing."""
    sent = onward.request_of(page.onward)
    return "select_account" in onward.done(browser.secret, sent, page.services.clock.now())


def _send(page: View, given: dict[str, str]) -> Reply:
    match given.get("action"):
        case "send":
            return _send_code(page, given)
        case "code":
            return _by_code(page, given)
        case "password":
            return _by_password(page, given)
        case "renew" if password_age.is_limited(page.services.settings):
            return _by_new_password(page, given)
        case "passkey":
            return _by_passkey(page, given)
        case "provider":
            return _at_provider(page, given)
        case "keep" if page.browser is not None:
            going = page.onward or onward.ACCOUNT
            steps: tuple[Step, ...] = ("select_account",)
            return onward.see_other(onward.mark_done(page.browser.secret, going, steps, page.services.clock.now()))
        case _:
            return _form(page, "")


def _send_code(page: View, given: dict[str, str]) -> Reply:
    try:
        return codes.send(page, given, "login")
    except LingpaiError as error:
        return _form(page, "code", given, page.errors_of(error, "mobile"), error)


def _by_code(page: View, given: dict[str, str]) -> Reply:
    try:
        codes.require(given)
        number = phone_numbers.parse_mobile(given["mobile"], page.services.settings)
        authenticated = sms_code.authenticate(
            page.services, CLIENT, number, given["code"], codes.presenter(page.request)
        )
        return finish(page, authenticated)
    except LingpaiError as error:
        return codes.form(page, given, "login", page.errors_of(error, "code"), error)


def _by_password(page: View, given: dict[str, str]) -> Reply:
    errors = page.missing(given, "username", "password")
    if errors:
        return _form(page, "password", given, errors, status=400)
    try:
        authenticated = password.authenticate(
            page.services, given["username"], given["password"], page.request.source_ip
        )
        return finish(page, authenticated)
    except LingpaiError as error:
        if error.reason == "password_expired":
            return _renewal_form(page, given, page.errors_of(error), error)
        return _form(page, "password", given, page.errors_of(error, "username", "password"), error)


def _by_new_password(page: View, given: dict[str, str]) -> Reply:
    """Log the browser in by the present password, and set the new one."""
    errors = page.missing(given, "username", "oldPassword", "newPassword")
    if errors:
        return _renewal_form(page, given, errors, status=400)
    services, address = page.services, page.request.source_ip
    name, old, new = (given[field] for field in ("username", "oldPassword", "newPassword"))
    try:
        with password.renewal_noted(services, name, address):
            return finish(page, password.renew(services, name, old, new, address))
    except LingpaiError as error:
        return _renewal_form(page, given, page.errors_of(error, "username", "newPassword"), error)


def _by_passkey(page: View, given: dict[str, str]) -> Reply:
    try:
        return finish(page, passkeys.authenticate(page.services, given.get("answer", "")))
    except LingpaiError as error:
        return _form(page, "", given, page.errors_of(error), error)


def _at_provider(page: View, given: dict[str, str]) -> Reply:
    try:
        return providers.start(page, given.get("provider", ""))
    except LingpaiError as error:
        return _form(page, "", given, page.errors_of(error), error)


def finish(page: View, authenticated: Authenticated) -> Reply:
    """Log the browser in, and go on. An account that has a second factor, or needs one, is asked for it first."""
    previous = page.browser.session if page.browser else None
    # Not the user whose session the browser has so far.
    cause.note(actor=f"user:{authenticated.user_id}")
    try:
        if prompts.needs_two(page.services, page.asked, authenticated):
            return _to_second_step(page, authenticated)
        return go_on(page, open_session(page, authenticated, previous))
    except LingpaiError as error:
        if error.reason == "account_closing" and KEEPING.intersection(authenticated.methods):
            return offer_to_keep(page, authenticated)
        if error.reason != "second_factor_required":
            raise
    return _to_second_step(page, authenticated)


def offer_to_keep(page: View, authenticated: Authenticated) -> Reply:
    """Use up the proof of a closed account, and send the browser to the page that offers to open it again."""
    secret = pending_logins.begin(page.services, pending_logins.proof_of_closed(authenticated))
    kept = cookies.keep_pending(page.request, secret, pending_logins.LIFETIME)
    return onward.see_other(f"{DELETION}{page.tail}", kept)


def _to_second_step(page: View, authenticated: Authenticated) -> Reply:
    """Use up the first factor, and send the browser to the second step."""
    secret = pending_logins.begin(page.services, authenticated)
    return onward.see_other(
        f"{SECOND_STEP}{page.tail}", cookies.keep_pending(page.request, secret, pending_logins.LIFETIME)
    )


def open_session(
    page: View,
    authenticated: Authenticated,
    previous: BrowserSession | None,
    continued: BrowserSession | None = None,
) -> str:
    """Open a session for the browser in place of the `previous` one; the value of its cookie.

    `continued` is one that the proof itself ends.

    LingpaiError `second_factor_required` if the account has a second factor that was not proven.
    """
    services, request = page.services, page.request
    device = devices.device(request.headers.get("user-agent", ""))
    place = services.find_place(request.source_ip) if services.find_place else None
    return browser_sessions.open_session(services, authenticated, device, place, previous, continued)


def go_on(page: View, cookie: str, steps: "Collection[Step]" = NEW_LOGIN, *set_cookies: str) -> Reply:
    """Keep the cookie of a new session, and go on. `steps` are done for the authorization request then."""
    services, request = page.services, page.request
    return onward.see_other(
        destination(page, cookie, steps), cookies.log_in(services, request, cookie), *set_cookies
    ).about(page.client.id if page.client else None)


def destination(page: View, cookie: str, steps: "Collection[Step]" = NEW_LOGIN) -> str:
    """Where the browser goes on with this cookie: an authorization request gets the mark that `steps` are done."""
    presented = sessions.parse(cookie)
    going = page.onward or onward.ACCOUNT
    if presented is None or not steps:
        return going
    return onward.mark_done(presented.secret, going, steps, page.services.clock.now())


def may_register(services: Services) -> bool:
    """Whether people may make accounts at the pages: they prove no client."""
    return services.settings.registration == "open"


def _form(
    page: View,
    way: str,
    given: dict[str, str] | None = None,
    errors: dict[str, str] | None = None,
    error: LingpaiError | None = None,
    *,
    status: int = 200,
    note: str = "",
) -> Reply:
    """The form of one way in; what was typed stays, but for passwords and codes."""
    hint = (page.asked.login_hint if page.asked else None) or ""
    is_number = phone_numbers.as_mobile(hint, page.services.settings.home_country) is not None
    if way == RENEWAL and password_age.is_limited(page.services.settings):
        return _renewal_form(page, {})
    if way not in ("code", "password"):
        way = "password" if hint and not is_number else "code"
    known = given or {}
    ways = providers.ways(page.services, page.request, page.texts)
    values = {
        "way": way,
        "here": page.extendable("/login"),
        "mobile": known.get("mobile", hint if is_number else ""),
        "username": known.get("username", hint),
        "may_register": may_register(page.services),
        "note": note,
        "providers": ways,
    }
    domain = passkeys.domain(page.services)
    return page.page("login.html", values, errors, error, status, leads_away=bool(ways), passkeys=domain)


def _renewal_form(
    page: View,
    given: dict[str, str],
    errors: dict[str, str] | None = None,
    error: LingpaiError | None = None,
    *,
    status: int = 200,
) -> Reply:
    """The form that takes a new password in place of one that is too old. No password is shown again."""
    values = {
        "username": given.get("username", ""),
        "other": f"{page.extendable('/login')}way=password",
    }
    return page.page("renewal.html", values, errors, error, status)
